"""Fresh logged-in sessions from Jarkeeper, for Python programs. One file, no dependencies.

    from jarkeeper import Jarkeeper

    jar = Jarkeeper()                                  # JARKEEPER_URL and JARKEEPER_KEY, or the arguments
    state = jar.session("wiki", max_age="10m")         # a Playwright storage state, alive ten minutes ago at most
    with jar.lease("wiki") as lease:                   # an account of the site for this program alone
        state = jar.session(lease["session"])

A problem of the API is raised as `JarkeeperError`; its `kind` and `failure` are stable words to branch on.
"""

import json
import os
import threading
import urllib.error
import urllib.parse
import urllib.request

__version__ = "0.1.0"
__all__ = ["Jarkeeper", "JarkeeperError"]

# Longest wait for an answer beyond what the call itself waits for, in seconds.
PATIENCE = 30


class JarkeeperError(Exception):
    """What the daemon answered (RFC 9457), or that it did not answer.

    `kind` is the last word of the problem's type, such as `unknown-session`; `failure` is the class of the failed renewal
    behind it, such as `wrong_credentials`, or None; `retry_after` is in seconds, or None.
    """

    def __init__(self, message, status=None, kind=None, failure=None, retry_after=None):
        super().__init__(message)
        self.status, self.kind, self.failure, self.retry_after = status, kind, failure, retry_after


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None  # The key goes to the daemon and nowhere else.


class Jarkeeper:
    """A running Jarkeeper.

    `url` is its address (default: JARKEEPER_URL, or http://127.0.0.1:8376), `key` an API key (default: JARKEEPER_KEY).
    """

    def __init__(self, url=None, key=None):
        self.url = (url or os.environ.get("JARKEEPER_URL") or "http://127.0.0.1:8376").rstrip("/")
        self._key = key or os.environ.get("JARKEEPER_KEY")
        if not self._key:
            raise JarkeeperError("no API key: set JARKEEPER_KEY; `jarkeeper key create NAME` makes one")
        # Without proxies: what they see, they could keep.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())

    def __repr__(self):
        return f"Jarkeeper({self.url!r})"

    def sites(self):
        """The sites that the key reaches, with their sessions."""
        return json.loads(self._call("GET", "/v1/sites"))

    def condition(self, session):
        """What is known of a session: alive, when it was proven, when it ends, why it is held."""
        return json.loads(self._call("GET", self._path(session)))

    def session(self, session, format="storage-state", url=None, max_age=None, wait=30):
        """The session in a format: a dict or list for the JSON formats, text for `netscape` and `header`.

        `max_age` ("90s", "10m"): one that was seen alive longer ago is renewed first, for `wait` seconds at most.
        """
        query = {"format": format, "url": url}
        if max_age is not None:
            query |= {"max_age": max_age, "wait": f"{wait}s"}
        text = self._call("GET", self._path(session, "/state"), query=query, wait=wait)
        return text.strip() if format == "header" else text if format == "netscape" else json.loads(text)

    def renew(self, session, wait=30):
        """Has the session renewed now, and says how that ended."""
        return json.loads(self._call("POST", self._path(session, "/renew"), body={"wait": f"{wait}s"}, wait=wait))

    def lease(self, site, ttl=600, wait=0, purpose=None):
        """One account of the site for this program alone, `ttl` seconds long and extended while the `with` block runs."""
        return _Lease(self, site, ttl, wait, purpose)

    def hand_in(self, session, code):
        """Hands a one-time code, or a sign-in link, to the login that waits for it."""
        self._call("POST", self._path(session, "/code"), body={"link" if "://" in code else "code": code})

    @staticmethod
    def _path(session, rest=""):
        return f"/v1/sessions/{urllib.parse.quote(session, safe=':@.')}{rest}"

    def _call(self, method, path, query=None, body=None, wait=0):
        query = {name: value for name, value in (query or {}).items() if value is not None}
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, method=method)
        request.add_header("X-API-Key", self._key)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=wait + PATIENCE) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise self._problem(error) from None
        except OSError as error:
            raise JarkeeperError(f"{self.url} does not answer ({error}); is `jarkeeper serve` running?") from None

    @staticmethod
    def _problem(error):
        try:
            problem = json.loads(error.read())
        except ValueError:
            problem = {}
        retry = error.headers.get("Retry-After", "")
        return JarkeeperError(
            problem.get("detail") or f"status {error.code}",
            status=error.code,
            kind=problem.get("type", "").rpartition(":")[2] or None,
            failure=problem.get("class"),
            retry_after=int(retry) if retry.isdigit() else None,
        )


class _Lease:
    """Held in a `with` block; gives a dict with `id`, `session` and `expires_at`."""

    def __init__(self, jar, site, ttl, wait, purpose):
        self._jar, self._site, self._ttl, self._wait, self._purpose = jar, site, ttl, wait, purpose
        self._ended = threading.Event()

    def __enter__(self):
        body = {"ttl": f"{self._ttl}s", "wait": f"{self._wait}s", "purpose": self._purpose}
        body = {name: value for name, value in body.items() if value is not None}
        path = f"/v1/sites/{urllib.parse.quote(self._site, safe='')}/leases"
        lease = json.loads(self._jar._call("POST", path, body=body, wait=self._wait))
        self._path = f"/v1/leases/{lease['id']}"
        self._extender = threading.Thread(target=self._extend, daemon=True)
        self._extender.start()
        return lease

    def __exit__(self, *_):
        self._ended.set()
        self._extender.join()
        self._jar._call("DELETE", self._path)

    def _extend(self):
        while not self._ended.wait(self._ttl / 3):
            try:
                self._jar._call("POST", f"{self._path}/extend", body={"ttl": f"{self._ttl}s"})
            except JarkeeperError:
                # It may have ended; what is done with the session meets that by itself.
                continue
