"""Whether Playwright, given a storage state file, is logged in.

    python playwright_check.py STATE.json URL [--selector CSS | --text TEXT | --url-regex REGEX] [--user-agent UA]
                              [--storage] [--timeout S]

Opens URL in a new context of that state and waits for what was asked: an element, a text, or a final URL; with none of
them, for any answer below 400. Exit status 0: seen. 1: not seen, and the last URL and the page's text are printed.
`--storage` prints `{"cookies": ..., "local": {...}, "session": {...}, "databases": [...]}` of that page as JSON, cookies
without values. Playwright's own Chromium is not needed: $CHROMIUM, or the one on the PATH, is driven.
"""

import argparse
import json
import os
import re
import shutil
import sys

from playwright.sync_api import Error, sync_playwright

STORAGE = """async () => ({
    local: { ...localStorage }, session: { ...sessionStorage },
    databases: (await indexedDB.databases()).map(database => database.name),
})"""


def arguments():
    parser = argparse.ArgumentParser(description="Loads a storage state with Playwright and looks whether it is logged in.")
    parser.add_argument("state")
    parser.add_argument("url")
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument("--selector", help="this element is visible")
    wanted.add_argument("--text", help="the page shows this text")
    wanted.add_argument("--url-regex", help="the final URL matches")
    parser.add_argument("--user-agent", help="what the browser calls itself; some sites bind a session to that")
    parser.add_argument("--storage", action="store_true", help="print what the page finds in its storage")
    parser.add_argument("--timeout", type=float, default=30, help="longest wait, in seconds")
    return parser.parse_args()


def http_credentials(path):
    """What a session of HTTP authentication is: Playwright takes it beside the state."""
    with open(path, encoding="utf-8") as file:
        kept = json.load(file).get("jarkeeper", {}).get("http", [])
    return {key: kept[0][key] for key in ("origin", "username", "password")} if kept else None


def look(page, args):
    milliseconds = args.timeout * 1000
    response = page.goto(args.url, timeout=milliseconds)
    if args.selector:
        page.locator(args.selector).first.wait_for(timeout=milliseconds)
    elif args.text:
        page.get_by_text(args.text).first.wait_for(timeout=milliseconds)
    elif args.url_regex:
        page.wait_for_url(re.compile(args.url_regex), timeout=milliseconds)
    elif response is None or response.status >= 400:
        raise Error(f"the answer has status {response and response.status}")


def main():
    args = arguments()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("no Chromium: apt-get install chromium, or set CHROMIUM to one")
    # Root cannot use Chromium's sandbox; Playwright leaves it off for everybody unless told.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, chromium_sandbox=os.geteuid() != 0)
        context = browser.new_context(
            storage_state=args.state, user_agent=args.user_agent, http_credentials=http_credentials(args.state))
        page = context.new_page()
        try:
            look(page, args)
        except Error as error:
            print(f"not logged in: {error}\nat {page.url}\n{page.locator('body').inner_text()[:500]}", file=sys.stderr)
            return 1
        if args.storage:
            cookies = [{key: value for key, value in cookie.items() if key != "value"} for cookie in context.cookies()]
            print(json.dumps({"cookies": cookies, **page.evaluate(STORAGE)}))
        browser.close()
    return 0


sys.exit(main())
