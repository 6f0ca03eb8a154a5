"""Selenium with a session of Jarkeeper: with_selenium.py SESSION URL

Prints the text of the page as the signed-in user sees it.
"""

import os
import sys
from urllib.parse import urljoin

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
    # Selenium takes cookies only for the site that it is at; a path that is not there will do.
    driver.get(urljoin(url, "/jarkeeper-sets-cookies"))
    for cookie in Jarkeeper().session(session, format="selenium", url=url, max_age="10m"):
        driver.add_cookie(cookie)
    driver.get(url)
    print(driver.find_element("tag name", "body").text)
finally:
    driver.quit()
