"""browser-use with an account of Jarkeeper for itself: with_browser_use.py SITE URL

Prints the text of the page as the signed-in user sees it. An agent is the same with `Agent(task=…, llm=…, browser=browser)`.
"""

import asyncio
import os
import sys

from browser_use import Browser
from jarkeeper import Jarkeeper


async def main(site, url):
    jar = Jarkeeper()
    with jar.lease(site, purpose="browser-use") as lease:
        # As an object, not as a path: a file that it is given is written by it too.
        state = jar.session(lease["session"], max_age="10m")
        browser = Browser(
            storage_state=state,
            headless=True,
            executable_path=os.environ.get("CHROMIUM"),
            chromium_sandbox=os.geteuid() != 0,
            enable_default_extensions=False,
        )
        await browser.start()
        try:
            await browser.navigate_to(url)
            page = await browser.must_get_current_page()
            print(await page.evaluate("() => document.body.innerText"))
        finally:
            await browser.kill()


asyncio.run(main(*sys.argv[1:]))
