"""Logging in the way WebArena does: Playwright for Python, and a new browser for each login and for each check.

    webarena_way.py login FOLDER COMBINATION...    writes COMBINATION_state.json (names joined with `.`), eight at a time
    webarena_way.py check FOLDER                   checks every site of every file there, eight at a time
    webarena_way.py all FOLDER                     its whole job: 4 sites and 4 pairs, then every check

Written for this comparison after its description; the sites' base URLs come from the environment, the browser from
$CHROMIUM. The last line printed is a JSON object: {"files", "checks", "expired"}.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import sync_playwright

AT_ONCE = 8
PAIRS = ["gitlab.reddit", "gitlab.shopping", "gitlab.shopping_admin", "shopping.shopping_admin"]
SINGLES = ["gitlab", "shopping", "shopping_admin", "reddit"]

# Site -> (path of the check page, text that it must hold; without one its URL must stay as it is).
CHECKS = {
    "gitlab": ("/-/profile", ""),
    "shopping": ("/wishlist/", ""),
    "shopping_admin": ("/dashboard", "Dashboard"),
    "reddit": ("/user/MarvelsGrantMan136/account", "Delete"),
    "classifieds": ("/index.php?page=user&action=items", "My listings"),
}


def base(site):
    return os.environ[site.upper()]


def fill_gitlab(page):
    page.goto(base("gitlab") + "/users/sign_in")
    name = page.get_by_test_id("username-field")
    name.click()
    name.fill("byteblaze")
    name.press("Tab")
    page.get_by_test_id("password-field").fill("hello1234")
    page.get_by_test_id("sign-in-button").click()


def fill_shopping(page):
    page.goto(base("shopping") + "/customer/account/login/")
    page.get_by_label("Email", exact=True).fill("emma.lopez@gmail.com")
    page.get_by_label("Password", exact=True).fill("Password.123")
    page.get_by_role("button", name="Sign In").click()


def fill_shopping_admin(page):
    page.goto(base("shopping_admin"))
    page.get_by_placeholder("user name").fill("admin")
    page.get_by_placeholder("password").fill("admin1234")
    page.get_by_role("button", name="Sign in").click()


def fill_reddit(page):
    page.goto(base("reddit") + "/login")
    page.get_by_label("Username").fill("MarvelsGrantMan136")
    page.get_by_label("Password").fill("test1234")
    page.get_by_role("button", name="Log in").click()


def fill_classifieds(page):
    page.goto(base("classifieds") + "/index.php?page=login")
    page.locator("#email").fill("blake.sullivan@gmail.com")
    page.locator("#password").fill("Password.123")
    page.get_by_role("button", name="Log in").click()


FORMS = {
    "gitlab": fill_gitlab,
    "shopping": fill_shopping,
    "shopping_admin": fill_shopping_admin,
    "reddit": fill_reddit,
    "classifieds": fill_classifieds,
}


def log_in(combination, folder):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"])
        context = browser.new_context()
        page = context.new_page()
        for site in combination.split("."):
            FORMS[site](page)
        context.storage_state(path=folder / f"{combination}_state.json")


def is_expired(file, site):
    path, keyword = CHECKS[site]
    url = base(site) + path
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"])
        page = browser.new_context(storage_state=file).new_page()
        page.goto(url)
        time.sleep(1)
        return keyword not in page.content() if keyword else page.url != url


def log_in_to_all(combinations, folder):
    with ThreadPoolExecutor(max_workers=AT_ONCE) as executor:
        for done in [executor.submit(log_in, combination, folder) for combination in combinations]:
            done.result()


def check_all(folder):
    """How many checks there were, and how many sessions turned out to be dead."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as executor:
        checks = [
            executor.submit(is_expired, file, site)
            for file in sorted(folder.glob("*_state.json"))
            for site in file.name.rsplit("_", 1)[0].split(".")
        ]
        return len(checks), sum(check.result() for check in checks)


def main():
    verb, folder, *combinations = sys.argv[1:]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    told = {"checks": 0, "expired": 0}
    if verb == "all":
        combinations = PAIRS + SINGLES
    log_in_to_all(combinations, folder)
    if verb in ("all", "check"):
        told["checks"], told["expired"] = check_all(folder)
    told["files"] = len(list(folder.glob("*_state.json")))
    print(json.dumps(told))


main()
