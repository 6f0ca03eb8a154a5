"""Playwright for Python with a session of Jarkeeper: playwright_python.py SESSION URL

Prints the text of the page as the signed-in user sees it.
"""

import os
import sys

from jarkeeper import Jarkeeper
from playwright.sync_api import sync_playwright

session, url = sys.argv[1:]
state = Jarkeeper().session(session, max_age="10m")
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"))
    # Some sites bind a session to the browser that made it.
    context = browser.new_context(storage_state=state, user_agent=state.get("jarkeeper", {}).get("user_agent"))
    page = context.new_page()
    page.goto(url)
    print(page.inner_text("body"))
    browser.close()
