"""requests with a session of Jarkeeper: with_requests.py SESSION URL

Prints the status of the page, and its text.
"""

import sys

import requests
from jarkeeper import Jarkeeper

session, url = sys.argv[1:]
http = requests.Session()
for cookie in Jarkeeper().session(session, max_age="10m")["cookies"]:
    rest = {"HttpOnly": None} if cookie["httpOnly"] else {}
    http.cookies.set(
        cookie["name"], cookie["value"], domain=cookie["domain"], path=cookie["path"], secure=cookie["secure"], rest=rest
    )
answer = http.get(url, timeout=30)
print(answer.status_code)
print(answer.text)
