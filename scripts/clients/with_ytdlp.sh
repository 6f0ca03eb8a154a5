#!/usr/bin/env bash
# yt-dlp with a session of Jarkeeper: with_ytdlp.sh SESSION ARGUMENT...
#
# Runs yt-dlp with the session's cookies; what yt-dlp writes back into its cookie file is thrown away.
set -euo pipefail
session=$1
shift
jarkeeper=${JARKEEPER_URL:-http://127.0.0.1:8376}

# For this user alone, and gone when yt-dlp is done.
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
curl -sS --fail-with-body -G "$jarkeeper/v1/sessions/$session/state" \
    -d format=netscape -d max_age=10m -H @- -o "$folder/cookies.txt" <<<"X-API-Key: $JARKEEPER_KEY"
yt-dlp --cookies "$folder/cookies.txt" "$@"
