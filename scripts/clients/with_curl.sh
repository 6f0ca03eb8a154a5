#!/usr/bin/env bash
# curl with a session of Jarkeeper: with_curl.sh SESSION URL
#
# Prints the page as the signed-in user gets it. Neither the key nor a cookie stands among the arguments of a process, where
# everybody on the machine could read it.
set -euo pipefail
session=$1 url=$2
jarkeeper=${JARKEEPER_URL:-http://127.0.0.1:8376}

cookies=$(curl -sS --fail-with-body -G "$jarkeeper/v1/sessions/$session/state" \
    -d format=netscape -d max_age=10m -H @- <<<"X-API-Key: $JARKEEPER_KEY")
curl -sS --fail -b <(printf '%s\n' "$cookies") "$url"
