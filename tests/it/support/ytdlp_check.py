"""Whether yt-dlp accepts a cookies file: `python ytdlp_check.py FILE` loads it with the loader behind `--cookies`.

Prints the cookies as a JSON list of {name, domain, path, secure, expires}; `expires` is null for one that ends
with the browser. Exit status 0: every line was taken. 1: a warning or an error, which is printed.
"""

import json
import sys

from yt_dlp.cookies import YoutubeDLCookieJar


def main():
    jar = YoutubeDLCookieJar(sys.argv[1])
    # The loader skips an entry that it cannot use, and says so on standard error only: count them.
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = [line for line in file if line.strip() and (not line.startswith("#") or line.startswith("#HttpOnly_"))]
    jar.load()
    cookies = [
        {
            "name": cookie.name,
            "domain": cookie.domain,
            "path": cookie.path,
            "secure": cookie.secure,
            "expires": cookie.expires,
        }
        for cookie in jar
    ]
    print(json.dumps(cookies))
    if len(cookies) != len(lines):
        print(f"{len(lines)} entries in the file, {len(cookies)} loaded", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
