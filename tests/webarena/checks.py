"""The contract of WebArena's state files and `auto_login`, checked line by line with the real program.

Runs with the Python standard library; `JARKEEPER_BIN` names the program, `PLAYWRIGHT_VENVS` a folder with one virtual
environment a Playwright version (`scripts/test` makes them). Arguments: parts of the names of the checks to run.
"""

import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from world import (
    DEADLINE,
    HERE,
    REPOSITORY,
    SCRIPTS,
    VISUALWEBARENA_FILES,
    WEBARENA_FILES,
    WEBARENA_SITES,
    World,
    chromium,
    files_in,
    jarkeeper,
    names_in,
    read,
)

VENVS = Path(os.environ.get("PLAYWRIGHT_VENVS") or REPOSITORY / "target" / "playwright")
VERSIONS = ("1.32.1", "1.37.0", "1.44.0", "newest")
# Name -> type of the members that every cookie has.
COOKIE_MEMBERS = {
    "name": str,
    "value": str,
    "domain": str,
    "path": str,
    "expires": (int, float),
    "httpOnly": bool,
    "secure": bool,
    "sameSite": str,
}


# Lines 1 to 3, 5, 13 and 17: the whole set.


def check_without_a_list_webarenas_eight_files_are_written_and_live():
    with World() as world:
        world.succeed()
        assert names_in(world.out) == WEBARENA_FILES, names_in(world.out)
        assert names_in(world.root / ".auth") == WEBARENA_FILES, names_in(world.root / ".auth")
        for folder in (world.out, world.root / ".auth"):
            assert_private(folder)
            assert not world.expired(*files_in(folder)), world.expired(*files_in(folder))


def check_all_in_the_list_means_the_whole_set():
    with World() as world:
        world.succeed("--site_list", "gitlab", "all")
        assert names_in(world.out) == WEBARENA_FILES, names_in(world.out)


def check_visualwebarenas_five_files_are_written_and_live():
    with World("visualwebarena") as world:
        world.succeed()
        assert names_in(world.out) == VISUALWEBARENA_FILES, names_in(world.out)
        assert not world.expired(*files_in(world.out)), world.expired(*files_in(world.out))


def check_every_json_file_is_named_after_configured_sites():
    with World() as world:
        world.succeed()
        sites = {path.stem for path in (world.root / "sites").iterdir()}
        for folder in (world.out, world.root / ".auth"):
            for path in files_in(folder):
                named = path.name.rsplit("_", 1)[0].split(".")
                assert set(named) <= sites and named == sorted(named), path.name


def check_a_list_keeps_the_order_that_was_asked_for():
    with World() as world:
        world.succeed("--site_list", "shopping", "gitlab")
        assert names_in(world.out) == {"shopping.gitlab_state.json"}, names_in(world.out)
        assert not world.expired(*files_in(world.out))


# Line 4.


def check_a_reader_never_sees_half_a_file():
    with World() as world:
        world.succeed()
        stop, seen, torn = threading.Event(), [0], []

        def watch():
            while not stop.is_set():
                for path in files_in(world.out) + files_in(world.root / ".auth"):
                    try:
                        assert read(path)["cookies"], "no cookies"
                        seen[0] += 1
                    except (ValueError, KeyError, OSError, AssertionError) as error:
                        torn.append(f"{path.name}: {error!r}")

        reader = threading.Thread(target=watch)
        reader.start()
        try:
            before = {path.name: path.read_bytes() for path in files_in(world.out)}
            # Two rounds: a site is logged in to at most three times an hour.
            for _ in range(2):
                world.sites.end_sessions()
                world.succeed()
            after = {path.name: path.read_bytes() for path in files_in(world.out)}
        finally:
            stop.set()
            reader.join()
        assert not torn, torn[:5]
        assert seen[0] > 0 and all(before[name] != after[name] for name in WEBARENA_FILES)


# Line 6.


def check_a_failed_login_leaves_a_good_file_alone_and_makes_no_new_one():
    with World() as world:
        for site in WEBARENA_SITES:
            world.succeed("--site_list", site)
        good = {path: path.read_bytes() for path in files_in(world.out) + files_in(world.root / ".auth")}
        world.sites.end_sessions()
        for site, dial in (("gitlab", {"refuse": True}), ("reddit", {"hollow": True}), ("shopping", {"down": 503})):
            world.sites.set(site, **dial)
            for folder in (world.out, world.folder / f"new-{site}"):
                text = world.fail("--site_list", site, folder=folder)
                assert site in text, text
            assert not names_in(world.folder / f"new-{site}"), names_in(world.folder / f"new-{site}")
        for path, content in good.items():
            if path.name != "shopping_admin_state.json":
                assert path.read_bytes() == content, f"{path} was replaced"


# Lines 7 to 11.


def check_content_is_what_every_loader_accepts():
    with World() as world:
        world.sites.set("gitlab", partitioned=True)
        world.succeed()
        for path in files_in(world.out):
            state = read(path)
            assert "null" not in re.findall(r'"(?:[^"\\]|\\.)*"|null', path.read_text()), f"null in {path.name}"
            for cookie in state["cookies"]:
                assert_cookie(path.name, cookie)
            for origin in state["origins"]:
                assert isinstance(origin["origin"], str) and isinstance(origin["localStorage"], list), origin
                assert "indexedDB" not in origin, "IndexedDB, though no recipe asks for it"
                for item in origin["localStorage"]:
                    assert set(item) == {"name", "value"}, item
        gitlab = {cookie["name"]: cookie for cookie in read(world.out / "gitlab_state.json")["cookies"]}
        chips = gitlab.pop("__Host-chips")
        assert isinstance(chips["partitionKey"], str), chips
        assert isinstance(chips["_crHasCrossSiteAncestor"], bool), chips
        assert not any("partitionKey" in cookie or "_crHasCrossSiteAncestor" in cookie for cookie in gitlab.values())
        origins = {origin["origin"] for origin in read(world.out / "gitlab_state.json")["origins"]}
        assert world.sites.env["GITLAB"] in origins, origins


def check_indexed_db_is_in_the_file_when_asked_for():
    with World() as world:
        with open(world.root / "sites" / "reddit.toml", "a", encoding="utf-8") as recipe:
            recipe.write("indexed_db = true\n")
        world.succeed("--site_list", "reddit")
        databases = [d["name"] for o in read(world.out / "reddit_state.json")["origins"] for d in o.get("indexedDB", [])]
        assert databases == ["standin"], databases
        told = load(world, "newest")
        assert not told["expired"], told["expired"]


# Lines 12 and 13.


def check_four_playwrights_load_every_file_as_it_stands():
    with World() as world:
        world.sites.set("gitlab", partitioned=True)
        world.succeed()
        for version in VERSIONS:
            told = load(world, version, checks=version == "newest")
            assert version in ("newest", told["version"]), told["version"]
            assert not told["expired"], f"Playwright {told['version']}: {told['expired']}"
            for path in files_in(world.out):
                state = read(path)
                partitioned = {cookie["name"] for cookie in state["cookies"] if "partitionKey" in cookie}
                written = {cookie_key(c): cookie_rest(c) for c in state["cookies"] if c["name"] not in partitioned}
                loaded = told["cookies"][str(path)]
                loaded = {cookie_key(c): cookie_rest(c) for c in loaded if c["name"] not in partitioned}
                assert written == loaded, f"Playwright {told['version']}, {path.name}:\n{written}\n{loaded}"
                stored = {o["origin"]: sorted(map(str, o["localStorage"])) for o in state["origins"] if o["localStorage"]}
                kept = {o["origin"]: sorted(map(str, o["localStorage"])) for o in told["origins"][str(path)]}
                assert stored == kept, f"Playwright {told['version']}, {path.name}: {stored} {kept}"


# Line 14.


def check_hosts_are_those_of_the_base_urls():
    with World() as world:
        world.succeed()
        for path in files_in(world.out):
            state = read(path)
            domains = {cookie["domain"].lstrip(".") for cookie in state["cookies"]}
            domains |= {urlsplit(origin["origin"]).hostname for origin in state["origins"]}
            assert domains == {"127.0.0.1"}, domains


def check_a_site_that_moves_its_visitors_to_another_host_is_reported():
    with World() as world:
        world.sites.set("reddit", canonical_host="127.0.0.1")
        base = world.sites.env["REDDIT"].replace("127.0.0.1", "localhost")
        _, text = world.auto_login("--site_list", "reddit", env=dict(world.env, REDDIT=base))
        assert "localhost" in text and "127.0.0.1" in text, text


# Lines 15 and 16: what `run.py` does.


def check_run_py_finds_what_it_imports_and_asserts():
    with World() as world:
        folder = world.folder / "not" / "yet" / "there"
        program = f"""
import os, subprocess, sys
from browser_env.auto_login import get_site_comb_from_filepath
comb = get_site_comb_from_filepath("./.auth/gitlab.reddit_state.json")
folder = {str(folder)!r}
subprocess.run([sys.executable, "browser_env/auto_login.py", "--auth_folder", folder, "--site_list", *comb], stdout=2)
assert os.path.exists(f"{{folder}}/gitlab.reddit_state.json")
print(json.dumps([name for name in os.listdir(folder) if not name.startswith(".")]))
"""
        assert world.python(program) == ["gitlab.reddit_state.json"]
        assert not world.expired(*files_in(folder))


def check_the_script_offers_what_the_original_does():
    with World() as world:
        bare = {key: value for key, value in world.env.items() if key not in world.sites.env and key != "DATASET"}
        bare["SHOPPING"] = ""
        told = world.python(
            """
import inspect
print(json.dumps({
    "sites": script.SITES, "keywords": script.KEYWORDS, "exact": script.EXACT_MATCH, "urls": len(script.URLS),
    "main": str(inspect.signature(script.main).parameters["auth_folder"].default),
    "renew_comb": list(inspect.signature(script.renew_comb).parameters),
    "is_expired": list(inspect.signature(script.is_expired).parameters),
    "comb": script.get_site_comb_from_filepath("/x/status.json"),
}))""",
            env=bare,
        )
        assert told == {
            "sites": ["gitlab", "shopping", "shopping_admin", "reddit"],
            "keywords": ["", "", "Dashboard", "Delete"],
            "exact": [True] * 4,
            "urls": 4,
            "main": "./.auth",
            "renew_comb": ["comb", "auth_folder"],
            "is_expired": ["storage_state", "url", "keyword", "url_exact"],
            "comb": ["status", "json"],
        }, told


def check_renew_comb_and_main_work_when_called():
    with World() as world:
        code = f"""
script.renew_comb(["reddit"], {str(world.out)!r})
script.main(auth_folder={str(world.folder / "all")!r})
try:
    script.renew_comb(["nowhere"], {str(world.out)!r})
except script.AutoLoginError as error:
    print(json.dumps(str(error)))
"""
        assert "nowhere_state.json" in world.python(code)
        assert names_in(world.out) == {"reddit_state.json"}
        assert names_in(world.folder / "all") == WEBARENA_FILES


def check_callers_at_the_same_time_get_their_files_from_one_login():
    with World() as world:
        folders = [world.folder / f"task-{number}" for number in range(4)]
        processes = [world.start("--site_list", "reddit", folder=folder) for folder in folders]
        texts = [process.communicate(timeout=DEADLINE)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * 4, texts
        assert not world.expired(*(folder / "reddit_state.json" for folder in folders))
        assert world.sites.counts()["reddit"]["logins"] == 1, world.sites.counts()["reddit"]


# Lines 17 to 19.


def check_an_unknown_site_is_an_error_and_no_file():
    with World() as world:
        for sites in (["map"], ["reddit", "map"], ["../reddit"]):
            text = world.fail("--site_list", *sites)
            assert sites[-1] in text, text
        assert not names_in(world.out), names_in(world.out)


def check_one_site_that_is_down_is_named_and_the_others_are_delivered():
    with World() as world:
        world.sites.set("reddit", down=500)
        text = world.fail()
        assert "reddit_state.json" in text and "500" in text, text
        assert "expired" not in text.lower(), text
        expected = {name for name in WEBARENA_FILES if "reddit" not in name}
        assert names_in(world.out) == expected, names_in(world.out)


def check_only_the_base_urls_of_the_sites_asked_for_are_needed():
    with World() as world:
        only = {key: value for key, value in world.env.items() if key not in world.sites.env}
        only["REDDIT"] = world.sites.env["REDDIT"] + "/"
        world.succeed("--site_list", "reddit", env=only)
        text = world.fail("--site_list", "gitlab", env=only)
        assert "GITLAB" in text and "SHOPPING" not in text, text
        assert names_in(world.out) == {"reddit_state.json"}


# Lines 20 to 22: sessions.


def check_a_session_that_lives_is_delivered_again_and_one_that_ended_is_not():
    with World() as world:
        for _ in range(2):
            world.succeed("--site_list", "gitlab")
        assert world.sites.counts()["gitlab"]["logins"] == 1, world.sites.counts()["gitlab"]
        world.sites.end_sessions("gitlab")
        assert world.expired(world.out / "gitlab_state.json") == [("gitlab_state.json", "gitlab")]
        world.succeed("--site_list", "gitlab")
        assert world.sites.counts()["gitlab"]["logins"] == 2, world.sites.counts()["gitlab"]
        assert not world.expired(world.out / "gitlab_state.json")


def check_eight_files_cost_four_logins():
    with World() as world:
        world.sites.set("shopping_admin", single_session=True)
        world.succeed()
        logins = {site: world.sites.counts()[site]["logins"] for site in WEBARENA_SITES}
        assert logins == dict.fromkeys(WEBARENA_SITES, 1), logins
        assert not world.expired(*files_in(world.out))


def check_a_site_with_sessions_of_its_own_for_pairs_survives_the_end_of_one():
    with World() as world:
        recipe = world.root / "sites" / "gitlab.toml"
        # One pair: two sessions are enough to see, and stay within three logins an hour.
        own = 'combine = ["gitlab.reddit"]\nown_sessions = true'
        recipe.write_text(re.sub(r"combine = .*", own, recipe.read_text(encoding="utf-8")), encoding="utf-8")
        world.succeed("--site_list", "gitlab")
        world.succeed("--site_list", "gitlab", "reddit")
        assert world.sites.counts()["gitlab"]["logins"] == 2, world.sites.counts()["gitlab"]
        pair = world.out / "gitlab.reddit_state.json"
        sign_out = f"script._get({world.sites.env['GITLAB'] + '/logout'!r}, json.load(open({str(pair)!r})))"
        world.python(f"{sign_out}\nprint('[]')")
        assert world.expired(pair) == [("gitlab.reddit_state.json", "gitlab")], world.expired(pair)
        assert not world.expired(world.out / "gitlab_state.json")


def check_sites_whose_cookies_collide_are_refused_and_the_cookie_is_named():
    with World() as world:
        text = world.fail("--site_list", "reddit", "shopping")
        assert not names_in(world.out), names_in(world.out)
        for word in ("PHPSESSID", "127.0.0.1", "reddit", "shopping"):
            assert word in text, text
        # On host names of their own they live together.
        apart = dict(world.env, SHOPPING=world.sites.env["SHOPPING"].replace("127.0.0.1", "localhost"))
        world.succeed("--site_list", "reddit", "shopping", env=dict(apart, JARKEEPER_ROOT=copy_of(world)))
        code = f"file = {str(world.out / 'reddit.shopping_state.json')!r}\n"
        code += "print(json.dumps([script.is_expired(file, script.URLS[at], script.KEYWORDS[at]) for at in (1, 3)]))"
        assert world.python(code, env=apart) == [False, False]


# The script's own check of a session.


def check_cookies_go_where_a_browser_sends_them():
    fits = script_module()._fits
    for domain, path, extra, url, expected in (
        ("127.0.0.1", "/", {}, "http://127.0.0.1:8080/x", True),
        ("127.0.0.1", "/", {}, "http://localhost:8080/x", False),
        (".0.0.1", "/", {}, "http://127.0.0.1/", False),
        ("site.test", "/", {}, "http://SITE.test/", True),
        ("site.test", "/", {}, "http://www.site.test/", False),
        (".site.test", "/", {}, "http://www.site.test/", True),
        (".site.test", "/", {}, "http://site.test/", True),
        (".site.test", "/", {}, "http://badsite.test/", False),
        ("[::1]", "/", {}, "http://[::1]:9/", True),
        ("site.test", "/admin", {}, "http://site.test/admin/dashboard", True),
        ("site.test", "/admin", {}, "http://site.test/admin", True),
        ("site.test", "/admin", {}, "http://site.test/administrator", False),
        ("site.test", "/", {"secure": True}, "http://site.test/", False),
        ("site.test", "/", {"secure": True}, "https://site.test/", True),
        ("127.0.0.1", "/", {"secure": True}, "http://127.0.0.1/", True),
        ("site.test", "/", {"expires": 1}, "http://site.test/", False),
        ("site.test", "/", {"expires": -1}, "http://site.test/", True),
        ("site.test", "/", {"expires": time.time() + 60}, "http://site.test/", True),
    ):
        got = fits(("n", domain, path), {"name": "n", "value": "v", **extra}, urlsplit(url))
        assert got is expected, (domain, path, extra, url)


def check_a_sick_site_is_not_an_expired_session():
    with World() as world:
        world.succeed("--site_list", "gitlab")
        world.sites.set("gitlab", down=500)
        code = f"""
try:
    script.is_expired({str(world.out / "gitlab_state.json")!r}, script.URLS[0], script.KEYWORDS[0])
except script.SiteUnavailable as error:
    print(json.dumps(str(error)))
"""
        assert "500" in world.python(code)
        code = 'print(json.dumps(script.is_expired("/nowhere_state.json", script.URLS[0], "")))'
        assert world.python(code) is True


# What the checks share.


def assert_private(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, f"{folder}: {oct(folder.stat().st_mode)}"
    for path in files_in(folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, f"{path}: {oct(path.stat().st_mode)}"


def assert_cookie(file, cookie):
    for member, kind in COOKIE_MEMBERS.items():
        assert isinstance(cookie[member], kind), f"{file}: {cookie['name']}: {member}"
    assert cookie["expires"] == -1 or cookie["expires"] > time.time(), f"{file}: {cookie['name']}: {cookie['expires']}"
    # Browsers cap the life of a cookie at 400 days.
    assert cookie["expires"] < time.time() + 401 * 86400, f"{file}: {cookie['name']}: {cookie['expires']}"
    assert cookie["sameSite"] in ("Strict", "Lax", "None"), cookie["sameSite"]
    assert cookie["sameSite"] != "None" or cookie["secure"], f"{file}: {cookie['name']}"
    assert not re.search(r"[\x00-\x1f\x7f]", cookie["name"] + cookie["value"]), f"{file}: {cookie['name']}"


def cookie_key(cookie):
    return cookie["name"], cookie["domain"], cookie["path"]


def cookie_rest(cookie):
    return (
        cookie["value"],
        # To the second: each version of the browser's interface rounds in its own way.
        round(cookie["expires"]),
        cookie["httpOnly"],
        cookie["secure"],
        cookie["sameSite"],
    )


def load(world, version, checks=True):
    """What one version of Playwright makes of the files that were delivered."""
    python = VENVS / version / "bin" / "python"
    assert python.exists(), f"{python} is missing: scripts/test makes the Playwright environments"
    task = {
        "executable": chromium(),
        "files": [str(path) for path in files_in(world.out)],
        "checks": world.checks(world.out) if checks else [],
    }
    done = subprocess.run(
        [python, HERE / "load_states.py"],
        input=json.dumps(task),
        text=True,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, f"Playwright {version}:\n{done.stderr}"
    return json.loads(done.stdout)


def copy_of(world):
    """A second root with the same recipes and no sessions yet."""
    root = world.folder / "second-root"
    (root / "sites").mkdir(parents=True)
    for path in (world.root / "sites").iterdir():
        (root / "sites" / path.name).write_bytes(path.read_bytes())
    return str(root)


def script_module():
    spec = importlib.util.spec_from_file_location("auto_login", SCRIPTS / "auto_login.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(check):
    started = time.monotonic()
    try:
        check()
    except BaseException:  # noqa: BLE001 - every failure of a check is a result, whatever it is
        outcome = traceback.format_exc()
    else:
        outcome = None
    name = check.__name__.removeprefix("check_").replace("_", " ")
    print(f"{'FAIL' if outcome else 'ok  '} {name} ({time.monotonic() - started:.1f} s)", flush=True)
    if outcome:
        print(outcome, flush=True)
    return outcome is None


def main():
    jarkeeper(), chromium()
    wanted = sys.argv[1:]
    checks = [value for name, value in globals().items() if name.startswith("check_")]
    checks = [check for check in checks if not wanted or any(part in check.__name__ for part in wanted)]
    with ThreadPoolExecutor(max_workers=int(os.environ.get("CHECKS_AT_ONCE") or 2)) as executor:
        results = list(executor.map(run, checks))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if checks and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
