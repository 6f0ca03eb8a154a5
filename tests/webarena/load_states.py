"""Loads state files with the Playwright of the Python that runs this, and tells what the browser made of them.

Standard input: {"executable": PATH, "files": [...], "checks": [[FILE, URL, KEYWORD], ...]}.
Standard output: {"version": ..., "cookies": {FILE: [...]}, "origins": {FILE: [...]}, "expired": [[FILE, URL], ...]}.
"""

import json
import sys
import time
from importlib.metadata import version

from playwright.sync_api import sync_playwright


def expired(page, url, keyword):
    """What WebArena asks: the keyword, or, without one, the very URL."""
    page.goto(url)
    time.sleep(1)
    return keyword not in page.content() if keyword else page.url != url


def main():
    task = json.load(sys.stdin)
    told = {"version": version("playwright"), "cookies": {}, "origins": {}, "expired": []}
    with sync_playwright() as playwright:
        # Playwright leaves Chromium's sandbox off by itself.
        browser = playwright.chromium.launch(executable_path=task["executable"])
        for file in task["files"]:
            context = browser.new_context(storage_state=file)
            told["cookies"][file] = context.cookies()
            told["origins"][file] = context.storage_state()["origins"]
            context.close()
        for file, url, keyword in task["checks"]:
            context = browser.new_context(storage_state=file)
            if expired(context.new_page(), url, keyword):
                told["expired"].append([file, url])
            context.close()
        browser.close()
    json.dump(told, sys.stdout)


main()
