#!/usr/bin/env python3
"""Logged-in state files for WebArena and VisualWebArena, made by Jarkeeper.

Stands in for `browser_env/auto_login.py` of those projects: link it there (`ln -sf`), and their unmodified `run.py` runs
and imports it. It needs neither Playwright nor a browser of its own: Jarkeeper logs in, and keeps what it has while that
is alive.

    auto_login.py [--auth_folder DIR] [--site_list SITE ...]

With a list it writes one file, `DIR/SITE.SITE_state.json`, names in the order given; without one, or with `all`, a file
for every site and every pair that can live in one browser. Exit status 0 means that every file is there, whole, and
logged in. On a failure it is another number (Jarkeeper's, by the class of the failure) and no file of that site is
written.

Environment:
    DATASET                            webarena (default) or visualwebarena
    SHOPPING SHOPPING_ADMIN REDDIT GITLAB CLASSIFIEDS
                                       the sites' base URLs; only those of the sites asked for are needed
    JARKEEPER_BIN, JARKEEPER_ROOT      the program, and the folder with its recipes, where the defaults do not fit
"""

from __future__ import annotations

import argparse
import glob
import html
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

_BASE_URL_VARIABLES = ("SHOPPING", "SHOPPING_ADMIN", "REDDIT", "GITLAB", "CLASSIFIEDS")
# A slash at the end is a common slip; joined with a path it would make `//`, which these sites do not know.
_BASE = {name: os.environ.get(name, "").rstrip("/") for name in _BASE_URL_VARIABLES}

# Dataset -> site -> (base URL's variable, page that only a logged-in visitor sees, text that only they see there).
_CHECKS = {
    "webarena": {
        "gitlab": ("GITLAB", "/-/profile", ""),
        "shopping": ("SHOPPING", "/wishlist/", ""),
        "shopping_admin": ("SHOPPING_ADMIN", "/dashboard", "Dashboard"),
        "reddit": ("REDDIT", "/user/MarvelsGrantMan136/account", "Delete"),
    },
    "visualwebarena": {
        "shopping": ("SHOPPING", "/wishlist/", ""),
        "reddit": ("REDDIT", "/user/MarvelsGrantMan136/account", "Delete"),
        "classifieds": ("CLASSIFIEDS", "/index.php?page=user&action=items", "My listings"),
    },
}

DATASET = os.environ.get("DATASET") or "webarena"
if DATASET not in _CHECKS:
    raise ValueError(f"DATASET is {DATASET!r}; it must be one of: {', '.join(_CHECKS)}")

SITES = list(_CHECKS[DATASET])
URLS = [_BASE[variable] + path for variable, path, _ in _CHECKS[DATASET].values()]
KEYWORDS = [keyword for _, _, keyword in _CHECKS[DATASET].values()]
EXACT_MATCH = [True] * len(SITES)

# Longest wait for one answer of a check, in seconds. These sites take many on a machine that is busy.
_CHECK_TIMEOUT = 60


class AutoLoginError(RuntimeError):
    """No file, or not every file; `exit_code` is what the process should end with."""

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


class SiteUnavailable(OSError):
    """The site did not answer, or answered with an error of its own: nothing is known about the session."""


def get_site_comb_from_filepath(file_path: str) -> list[str]:
    """The sites that a state file is for: `x/gitlab.reddit_state.json` -> `["gitlab", "reddit"]`."""
    return os.path.basename(file_path).rsplit("_", 1)[0].split(".")


def renew_comb(comb: list[str], auth_folder: str = "./.auth") -> None:
    """Writes `auth_folder/A.B_state.json` for the sites of `comb`, names in the order given.

    Returns when the file is complete and its sessions were seen alive; otherwise raises `AutoLoginError` and writes
    nothing.
    """
    code = _jarkeeper(auth_folder, comb)
    file = Path(auth_folder) / f"{'.'.join(comb)}_state.json"
    if code == 0 and not file.exists():
        code = 1
    if code != 0:
        raise AutoLoginError(f"{file} was not written: jarkeeper ended with {code}, its reason is above", code)


def main(auth_folder: str = "./.auth") -> None:
    """Writes the file of every site and every pair, then checks each site of each file.

    Raises `AutoLoginError` that names each file and site that failed; the files of the other sites are there all the
    same.
    """
    code = _jarkeeper(auth_folder, ["all"])
    checks = []
    for file in sorted(glob.glob(os.path.join(glob.escape(auth_folder), "*_state.json"))):
        checks += [(file, site) for site in get_site_comb_from_filepath(file) if site in SITES]
    singles = [os.path.join(auth_folder, f"{site}_state.json") for site in SITES]
    failures = [f"{file}: there is no such file" for file in singles if not os.path.exists(file)]
    with ThreadPoolExecutor(max_workers=8) as executor:
        failures += filter(None, executor.map(_failure, checks))
    if failures or code != 0:
        failures = failures or [f"jarkeeper ended with {code}, its reason is above"]
        raise AutoLoginError("not every session is ready:\n  " + "\n  ".join(failures), code or 1)


def is_expired(storage_state: Path, url: str, keyword: str, url_exact: bool = True) -> bool:
    """Whether the state no longer opens `url`: the text `keyword` is missing there, or, where that is empty, the browser
    would have been sent to another URL (`url_exact`), or to one that does not contain `url`.

    One plain HTTP request with the file's cookies, redirects followed. A missing file is expired. Raises
    `SiteUnavailable` where the site cannot tell.
    """
    storage_state = Path(storage_state)
    if not storage_state.exists():
        return True
    if not urlsplit(url).scheme:
        raise ValueError(f"{url!r} has no host: set the base URL of its site ({', '.join(_BASE_URL_VARIABLES)})")
    state = json.loads(storage_state.read_text(encoding="utf-8"))
    final, body = _get(url, state)
    if keyword:
        return keyword not in body and keyword not in html.unescape(body)
    if url_exact:
        return _normal(final) != _normal(url)
    return url not in final


def _failure(check: tuple[str, str]) -> str | None:
    file, site = check
    at = SITES.index(site)
    try:
        if is_expired(Path(file), URLS[at], KEYWORDS[at], EXACT_MATCH[at]):
            return f"{file}: {site} is not logged in at {URLS[at]}"
    except (OSError, ValueError) as error:
        return f"{file}: {site} could not be checked: {error}"
    return None


def _jarkeeper(auth_folder: str, sites: list[str]) -> int:
    """Runs `jarkeeper auto-login`; its messages go where ours go. Gives its exit status."""
    here = Path(__file__).resolve().parent
    binary = _binary(here)
    root = Path(os.environ.get("JARKEEPER_ROOT") or here / DATASET)
    if not (root / "sites").is_dir():
        raise AutoLoginError(
            f"{root} has no folder `sites` with recipes; link this script instead of copying it, "
            "or set JARKEEPER_ROOT to the folder that has one"
        )
    command = [binary, "--root", str(root), "auto-login", "--auth_folder", auth_folder, "--site_list", *sites]
    environment = dict(os.environ, **{name: url for name, url in _BASE.items() if url})
    try:
        # Standard output is the caller's: run.py and scripts read it.
        return subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL).returncode
    except OSError as error:
        raise AutoLoginError(f"{binary} could not be run: {error}") from error


def _binary(here: Path) -> str:
    named = os.environ.get("JARKEEPER_BIN")
    if named:
        return named
    built = here.parent.parent / "target" / "release" / "jarkeeper"
    found = str(built) if os.access(built, os.X_OK) else shutil.which("jarkeeper")
    if found is None:
        raise AutoLoginError(
            f"the program jarkeeper is neither at {built} nor on the PATH; "
            "build it with `cargo build --release`, or set JARKEEPER_BIN to it"
        )
    return found


# --- One GET as the browser of a state file would make it (RFC 6265 sections 5.2 to 5.4) ---


def _get(url: str, state: dict) -> tuple[str, str]:
    """The final URL and the text of the page."""
    headers = {"Accept": "text/html,*/*"}
    user_agent = (state.get("jarkeeper") or {}).get("user_agent")
    if user_agent:
        headers["User-Agent"] = user_agent
    opener = urllib.request.build_opener(_Cookies(state.get("cookies") or []), _Redirects())
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=_CHECK_TIMEOUT) as response:
            body = response.read()
            final, charset = response.geturl(), response.headers.get_content_charset()
    except urllib.error.HTTPError as error:
        if error.code >= 500 or error.code == 429:
            raise SiteUnavailable(f"{url} answers with status {error.code}") from error
        body, final, charset = error.read(), error.geturl(), error.headers.get_content_charset()
    except OSError as error:
        raise SiteUnavailable(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
    try:
        return final, body.decode(charset or "utf-8", "replace")
    except LookupError:
        return final, body.decode("utf-8", "replace")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows 308 too, which Python before 3.11 does not."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return super().redirect_request(req, fp, 307 if code == 308 else code, msg, headers, newurl)

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302


class _Cookies(urllib.request.BaseHandler):
    """Sends a state's cookies where a browser would, and takes the ones that answers set."""

    def __init__(self, cookies: list[dict]):
        self.cookies = {(c["name"], c["domain"].lower(), c.get("path") or "/"): dict(c) for c in cookies}

    def http_request(self, request):
        parts = urlsplit(request.full_url)
        fitting = [cookie for key, cookie in self.cookies.items() if _fits(key, cookie, parts)]
        # Longer paths first; `sorted` keeps the rest in the order of the file.
        fitting.sort(key=lambda cookie: -len(cookie.get("path") or "/"))
        if fitting:
            header = "; ".join(f"{c['name']}={c['value']}" if c["name"] else c["value"] for c in fitting)
            # Browsers send UTF-8; `http.client` writes Latin-1, so each byte must look like one of its characters.
            request.add_unredirected_header("Cookie", header.encode("utf-8").decode("latin-1"))
        return request

    def http_response(self, request, response):
        for line in response.headers.get_all("Set-Cookie") or ():
            self._take(line.encode("latin-1", "replace").decode("utf-8", "replace"), urlsplit(request.full_url))
        return response

    https_request, https_response = http_request, http_response

    def _take(self, line: str, parts) -> None:
        pair, *rest = line.split(";")
        name, equals, value = pair.partition("=")
        if not equals:
            name, value = "", name
        attributes = {}
        for attribute in rest:
            key, _, content = attribute.partition("=")
            attributes[key.strip().lower()] = content.strip()
        host = _host(parts)
        domain = attributes.get("domain", "").lstrip(".").lower()
        if domain and not _domain_fits("." + domain, host):
            return
        folder = parts.path.rpartition("/")[0] or "/"
        path = attributes.get("path", "")
        path = path if path.startswith("/") else folder
        key = (name.strip(), "." + domain if domain and not _is_address(host) else host, path)
        self.cookies[key] = {
            "name": key[0],
            "value": value.strip(),
            "path": path,
            "secure": "secure" in attributes,
            "expires": _expires(attributes),
        }


def _fits(key: tuple[str, str, str], cookie: dict, parts) -> bool:
    _, domain, path = key
    at = parts.path or "/"
    expires = cookie.get("expires")
    if expires is not None and expires != -1 and expires <= time.time():
        return False
    if cookie.get("secure") and not (parts.scheme == "https" or _is_loopback(_host(parts))):
        return False
    below = at == path or (at.startswith(path) and (path.endswith("/") or at[len(path)] == "/"))
    return below and _domain_fits(domain, _host(parts))


def _domain_fits(domain: str, host: str) -> bool:
    """A leading dot means that subdomains get it too. Ports do not matter to cookies."""
    bare = domain.lstrip(".").strip("[]")
    return host == bare or (domain.startswith(".") and host.endswith("." + bare) and not _is_address(host))


def _expires(attributes: dict[str, str]) -> float:
    try:
        if "max-age" in attributes:
            seconds = int(attributes["max-age"])
            return time.time() + seconds if seconds > 0 else 0
        if "expires" in attributes:
            return parsedate_to_datetime(attributes["expires"]).timestamp()
    except (ValueError, TypeError, OverflowError):
        pass
    return -1


def _host(parts) -> str:
    return (parts.hostname or "").lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if _is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _normal(url: str) -> tuple:
    """A URL as a browser's address bar has it, so that spellings of the same one compare as equal."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, _host(parts), parts.port or default, parts.path or "/", parts.query, parts.fragment


def _command_line() -> int:
    parser = argparse.ArgumentParser(description="Writes logged-in state files for WebArena's sites.")
    parser.add_argument("--site_list", nargs="+", default=[], metavar="SITE", help="one file for these; default: all files")
    parser.add_argument("--auth_folder", default="./.auth", metavar="DIR", help="where to (default: ./.auth)")
    args = parser.parse_args()
    try:
        if not args.site_list or "all" in args.site_list:
            main(auth_folder=args.auth_folder)
        else:
            renew_comb(args.site_list, auth_folder=args.auth_folder)
    except AutoLoginError as error:
        print(f"auto_login.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(_command_line())
