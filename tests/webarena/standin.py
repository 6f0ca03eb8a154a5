"""A stand-in for WebArena's sites: same paths, labels, cookies and check pages, in one process on one host.

Each site listens on a port of its own, so that, as with the images on one machine, the shop and the forum share the name
of their session cookie. A further port takes orders: what a test needs the sites to do, and what they have counted.

    python3 standin.py [HOST]       prints one line of JSON when ready, and ends when its standard input does

From Python: `with StandIn() as sites: ...`.
"""

import hashlib
import hmac
import json
import os
import secrets
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

# As long as a real site takes to look at a password.
PBKDF2_ROUNDS = 60_000

STYLE = b"body { font: 16px sans-serif; margin: 2em } form { display: grid; gap: 1em; max-width: 24em }"
SCRIPT = b"""
document.documentElement.dataset.ready = "yes";
localStorage.setItem("standin-visits", String(1 + Number(localStorage.getItem("standin-visits") || 0)));
const request = indexedDB.open("standin", 1);
request.onupgradeneeded = () => request.result.createObjectStore("notes", { keyPath: "id" }).put({ id: 1, text: "kept" });
"""


def digest(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, PBKDF2_ROUNDS)


class Answer:
    """What a site says to one request."""

    def __init__(self, body="", status=200, to=None, kind="text/html; charset=utf-8"):
        self.body = body if isinstance(body, bytes) else body.encode()
        self.status, self.to, self.kind = status, to, kind
        self.cookies = []


class Site:
    """One site, with one account, its sessions, and dials."""

    name = title = cookie = username = password = ""
    cookie_attributes = "Path=/; HttpOnly; SameSite=Lax"
    login_path = check_path = after_login = "/"
    # Form fields: of the user name, of the password.
    fields = ("username", "password")

    def __init__(self):
        self.lock = threading.Lock()
        self.salt = secrets.token_bytes(16)
        self.stored = digest(self.password, self.salt)
        # Session id -> {"csrf": token, "user": name or None}
        self.sessions = {}
        self.counts = {"logins": 0, "refused": 0, "login_pages": 0, "checks": 0, "requests": 0}
        self.dials = {
            # Status that every page answers with; 0: as usual.
            "down": 0,
            # The right password is refused too.
            "refuse": False,
            # A login is accepted, and the session that it gives is not logged in.
            "hollow": False,
            # A login ends the account's other sessions.
            "single_session": False,
            # Visitors who came by another host name are sent to this one.
            "canonical_host": "",
            # A login sets a partitioned cookie too.
            "partitioned": False,
        }

    # What differs from site to site.
    def form(self, csrf, error):
        raise NotImplementedError

    def check_page(self):
        return f"<h1>{self.title}</h1>"

    def extra_cookies(self):
        return []

    # What does not.
    def page(self, body):
        return (
            f"<!doctype html><html lang=en><head><title>{self.title}</title><link rel=stylesheet href=/static/site.css>"
            f"<script src=/static/site.js defer></script></head><body>{body}</body></html>"
        )

    def login_page(self, session, error=""):
        with self.lock:
            self.counts["login_pages"] += 1
        return Answer(self.page(self.form(session["csrf"], error)))

    def logged_out(self, session):
        return Answer(status=302, to=self.login_path)

    def answer(self, method, path, form, session_id):
        """The answer, with the session cookie set where it is new."""
        with self.lock:
            self.counts["requests"] += 1
        if path == "/static/site.css":
            return Answer(STYLE, kind="text/css")
        if path == "/static/site.js":
            return Answer(SCRIPT, kind="text/javascript")
        if path == "/favicon.ico":
            return Answer(status=404)
        if self.dials["down"]:
            return Answer(self.page("<h1>Whoops, something went wrong on our end.</h1>"), self.dials["down"])
        with self.lock:
            session = self.sessions.get(session_id)
            if session is None:
                session_id, session = self.new_session(None)
                fresh = True
            else:
                fresh = False
        answer = self.route(method, path, form, session_id, session)
        if fresh and not answer.cookies:
            answer.cookies.append(self.session_cookie(session_id))
        return answer

    def route(self, method, path, form, session_id, session):
        if method == "POST" and path == self.login_path:
            return self.log_in(form, session_id, session)
        if path == "/logout":
            with self.lock:
                self.sessions.pop(session_id, None)
            return Answer(status=303, to="/")
        if path == self.check_path:
            with self.lock:
                self.counts["checks"] += 1
            return Answer(self.page(self.check_page())) if session["user"] else self.logged_out(session)
        if path == self.login_path:
            return Answer(status=302, to=self.after_login) if session["user"] else self.login_page(session)
        if path in ("/", self.after_login):
            who = f"Hello, {session['user']}. <a href=/logout>Sign Out</a>" if session["user"] else "<a href=/>Sign In</a>"
            return Answer(self.page(f"<h1>{self.title}</h1><p>{who}"))
        return Answer(self.page("<h1>Not found</h1>"), 404)

    def log_in(self, form, session_id, session):
        user, password = (form.get(field, "") for field in self.fields)
        if not hmac.compare_digest(form.get("csrf", ""), session["csrf"]):
            return Answer(self.page("<h1>Invalid form key</h1>"), 403)
        right = hmac.compare_digest(digest(password, self.salt), self.stored) and user == self.username
        if not right or self.dials["refuse"]:
            with self.lock:
                self.counts["refused"] += 1
            return self.login_page(session, "The account sign-in was incorrect. Invalid login or password.")
        with self.lock:
            self.counts["logins"] += 1
            self.sessions.pop(session_id, None)
            if self.dials["single_session"]:
                self.sessions = {key: value for key, value in self.sessions.items() if value["user"] != user}
            session_id, _ = self.new_session(None if self.dials["hollow"] else user)
        answer = Answer(status=303, to=self.after_login)
        answer.cookies = [self.session_cookie(session_id), *self.extra_cookies()]
        if self.dials["partitioned"]:
            answer.cookies.append("__Host-chips=1; Path=/; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=86400")
        return answer

    def new_session(self, user):
        key = secrets.token_hex(16)
        self.sessions[key] = {"csrf": secrets.token_urlsafe(24), "user": user}
        return key, self.sessions[key]

    def session_cookie(self, session_id):
        return f"{self.cookie}={session_id}; {self.cookie_attributes}"

    def end_sessions(self):
        with self.lock:
            self.sessions = {}


class Gitlab(Site):
    name, title, cookie = "gitlab", "GitLab", "_gitlab_session"
    username, password = "byteblaze", "hello1234"
    login_path, check_path, after_login = "/users/sign_in", "/-/profile", "/"
    fields = ("user[login]", "user[password]")

    def form(self, csrf, error):
        return (
            f"<p role=alert>{error}</p><form method=post action=/users/sign_in><input type=hidden name=csrf value={csrf}>"
            "<label for=user_login>Username or email</label><input id=user_login name='user[login]' data-testid=username-field>"
            "<label for=user_password>Password</label>"
            "<input id=user_password name='user[password]' type=password data-testid=password-field>"
            "<label><input type=checkbox name='user[remember_me]'> Remember me</label>"
            "<button type=submit data-testid=sign-in-button>Sign in</button></form>"
        )

    def extra_cookies(self):
        return [f"known_sign_in={secrets.token_hex(8)}; Path=/; HttpOnly; SameSite=Lax; Max-Age=1209600"]


class Shopping(Site):
    name, title, cookie = "shopping", "One Stop Market", "PHPSESSID"
    cookie_attributes = "Path=/; HttpOnly; SameSite=Lax; Max-Age=86400"
    username, password = "emma.lopez@gmail.com", "Password.123"
    login_path, check_path, after_login = "/customer/account/login/", "/wishlist/", "/customer/account/"

    def form(self, csrf, error):
        return (
            f"<header><a href={self.login_path}>Sign In</a></header><div role=alert>{error}</div>"
            f"<form method=post action={self.login_path}><input type=hidden name=csrf value={csrf}>"
            "<label for=email><span>Email</span></label><input id=email name=username type=email>"
            "<label for=pass><span>Password</span></label><input id=pass name=password type=password>"
            "<label><input type=checkbox> Show Password</label><button type=submit><span>Sign In</span></button></form>"
            "<p>Creating an account has many benefits: check out faster, keep more than one address.</p>"
            "<form action=/newsletter><label for=news>Sign Up for Our Newsletter: Email address</label>"
            "<input id=news type=email><button>Subscribe</button></form>"
        )

    def extra_cookies(self):
        return [
            f"form_key={secrets.token_hex(8)}; Path=/; SameSite=Lax; Max-Age=86400",
            # Ten years: browsers cap it at 400 days.
            f"private_content_version={secrets.token_hex(16)}; Path=/; Max-Age=315360000",
        ]


class ShoppingAdmin(Site):
    name, title, cookie = "shopping_admin", "Magento Admin", "admin"
    cookie_attributes = "Path=/admin; HttpOnly; SameSite=Lax; Max-Age=360000"
    username, password = "admin", "admin1234"
    login_path, check_path, after_login = "/admin", "/admin/dashboard", "/admin/dashboard/"
    fields = ("login[username]", "login[password]")

    def form(self, csrf, error):
        return (
            f"<h1>Welcome, please sign in</h1><div role=alert>{error}</div>"
            f"<form method=post action=/admin><input type=hidden name=csrf value={csrf}>"
            "<label for=username>Username</label><input id=username name='login[username]' placeholder='user name'>"
            "<label for=login>Password</label><input id=login name='login[password]' type=password placeholder=password>"
            "<button type=submit><span>Sign in</span></button></form>"
        )

    def check_page(self):
        return "<h1>Dashboard</h1><p>Lifetime Sales"

    def logged_out(self, session):
        # The real one shows its form in place, with status 200.
        return self.login_page(session)


class Reddit(Site):
    name, title, cookie = "reddit", "Postmill", "PHPSESSID"
    username, password = "MarvelsGrantMan136", "test1234"
    login_path, check_path, after_login = "/login", "/user/MarvelsGrantMan136/account", "/"
    fields = ("_username", "_password")

    def form(self, csrf, error):
        return (
            f"<nav><a href=/login>Log in</a> <a href=/registration>Sign up</a></nav><p role=alert>{error}</p>"
            f"<form method=post action=/login><input type=hidden name=csrf value={csrf}>"
            "<label for=u>Username</label><input id=u name=_username><label for=p>Password</label>"
            "<input id=p name=_password type=password><label><input type=checkbox name=_remember_me> Keep me logged in</label>"
            "<button>Log in</button></form>"
        )

    def check_page(self):
        return "<h1>Edit account</h1><button>Delete account</button>"

    def extra_cookies(self):
        return ["forum=Zürich; Path=/; SameSite=Strict"]


class Classifieds(Site):
    name, title, cookie = "classifieds", "Classifieds", "osclass"
    username, password = "blake.sullivan@gmail.com", "Password.123"
    login_path = "/index.php?page=login"
    check_path, after_login = "/index.php?page=user&action=items", "/index.php?page=user&action=dashboard"
    fields = ("email", "password")

    def form(self, csrf, error):
        return (
            f"<p>{error}</p><form method=post action='/index.php?page=login'><input type=hidden name=csrf value={csrf}>"
            "<label for=email>E-mail</label><input id=email name=email><label for=password>Password</label>"
            "<input id=password name=password type=password><button type=submit>Log in</button></form>"
        )

    def check_page(self):
        return "<h1>My listings</h1>"


SITES = (Gitlab, Shopping, ShoppingAdmin, Reddit, Classifieds)


class Door(BaseHTTPRequestHandler):
    """HTTP for one site; `site` is set by `serve`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site = None

    def do_GET(self):
        self.handle_request({})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        self.handle_request({key: values[0] for key, values in parse_qs(body).items()})

    def handle_request(self, form):
        parts = urlsplit(self.path)
        path = self.path if parts.path == "/index.php" else parts.path
        if len(path) > 1 and path.rstrip("/") == self.site.login_path:
            path = self.site.login_path
        canonical = self.site.dials["canonical_host"]
        host, _, port = self.headers.get("Host", "").rpartition(":")
        if canonical and host != canonical:
            return self.send(Answer(status=302, to=f"http://{canonical}:{port}{self.path}"))
        return self.send(self.site.answer(self.command, path, form, self.session_id()))

    def session_id(self):
        # By hand: the standard library gives up at the first byte beyond ASCII, and a cookie before ours has one.
        for pair in self.headers.get("Cookie", "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.site.cookie:
                return value
        return None

    def send(self, answer):
        self.send_response(answer.status)
        for cookie in answer.cookies:
            self.send_header("Set-Cookie", cookie.encode("utf-8").decode("latin-1"))
        if answer.to:
            self.send_header("Location", answer.to)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "max-age=600" if answer.kind.endswith(("css", "javascript")) else "no-store")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_):
        pass


class Orders(Door):
    """`POST /SITE` with a JSON object of dials sets them; the dial `end_sessions` acts at once. `GET /` tells counts."""

    sites = {}

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        site = self.sites[urlsplit(self.path).path.strip("/")]
        if order.pop("end_sessions", False):
            site.end_sessions()
        unknown = set(order) - set(site.dials)
        site.dials.update(order)
        self.send(Answer(json.dumps(sorted(unknown)), 400 if unknown else 200))

    def do_GET(self):
        self.send(Answer(json.dumps({name: site.counts for name, site in self.sites.items()})))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # Browsers drop connections as they please.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def serve(door, host):
    server = Server((host, 0), door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{host}:{server.server_address[1]}"


def run(host):
    sites = {kind.name: kind() for kind in SITES}
    urls = {name.upper(): serve(type(name, (Door,), {"site": site}), host) for name, site in sites.items()}
    urls["SHOPPING_ADMIN"] += "/admin"
    urls["orders"] = serve(type("orders", (Orders,), {"sites": sites}), host)
    print(json.dumps(urls), flush=True)
    sys.stdin.read()


class StandIn:
    """The sites in a process of their own. `env`: the variables with their base URLs."""

    def __init__(self, host="127.0.0.1"):
        command = [sys.executable, os.path.abspath(__file__), host]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.env = json.loads(self.process.stdout.readline())
        self._orders = self.env.pop("orders")

    def set(self, site, **dials):
        """Turns dials of a site: see `Site.dials`, and `end_sessions`."""
        request = urllib.request.Request(f"{self._orders}/{quote(site)}", json.dumps(dials).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def end_sessions(self, *names):
        for name in names or [kind.name for kind in SITES]:
            self.set(name, end_sessions=True)

    def counts(self):
        """Site -> counter -> number."""
        with urllib.request.urlopen(self._orders, timeout=10) as answer:
            return json.load(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1")
