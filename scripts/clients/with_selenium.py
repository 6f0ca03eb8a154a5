"""Selenium with a session of Jarkeeper: with_selenium.py SESSION URL

Prints the text of the page as the signed-in user sees it.
"""

import os
import sys

from jarkeeper import Jarkeeper
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

session, url = sys.argv[1:]
options = webdriver.ChromeOptions()
options.add_argument("--headless=new")
if os.geteuid() == 0:
    options.add_argument("--no-sandbox")
if chromium := os.environ.get("CHROMIUM"):
    options.binary_location = chromium
driver = webdriver.Chrome(options, Service(os.environ.get("CHROMEDRIVER")))
try:
    # `add_cookie` (with format="selenium") takes cookies only for the site of the page that is open, and where that one sends to
    # a login elsewhere, it takes none; this takes all of them at once. Browsers other than Chromium need the former.
    cookies = Jarkeeper().session(session, format="puppeteer", max_age="10m")
    driver.execute_cdp_cmd("Network.setCookies", {"cookies": cookies})
    driver.get(url)
    print(driver.find_element("tag name", "body").text)
finally:
    driver.quit()
