"""Jarkeeper as the memory of agents of Google's Agent Development Kit (pip install google-adk).

    from adk_memory import JarkeeperMemoryService

    runner = Runner(..., memory_service=JarkeeperMemoryService())    # JARKEEPER_URL and JARKEEPER_KEY, or the arguments

The key needs the scopes memory:read and memory:write: `jarkeeper key create adk --scope memory:read,memory:write`.
"""

import asyncio
import json
import os
import urllib.error
import urllib.parse
import urllib.request

from google.adk.memory.base_memory_service import BaseMemoryService, SearchMemoryResponse

# Most bytes of the events that are sent at once; the daemon reads 1 MiB.
PIECE = 700_000


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None  # The key goes to the daemon and nowhere else.


class JarkeeperMemoryService(BaseMemoryService):
    def __init__(self, url=None, key=None):
        self._url = (url or os.environ.get("JARKEEPER_URL") or "http://127.0.0.1:8376").rstrip("/")
        self._key = key or os.environ["JARKEEPER_KEY"]
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())

    async def add_session_to_memory(self, session):
        await self.add_events_to_memory(
            app_name=session.app_name, user_id=session.user_id, events=session.events, session_id=session.id
        )

    async def add_events_to_memory(self, *, app_name, user_id, events, session_id=None, custom_metadata=None):
        piece, size = [], 0
        for event in [_event(event) for event in events]:
            length = len(json.dumps(event))
            if piece and size + length > PIECE:
                await self._send(app_name, user_id, session_id, piece)
                piece, size = [], 0
            piece.append(event)
            size += length
        await self._send(app_name, user_id, session_id, piece)

    async def search_memory(self, *, app_name, user_id, query):
        body = {"app_name": app_name, "user_id": user_id, "query": query}
        return SearchMemoryResponse.model_validate(await self._call("POST", "/adk/search", body))

    async def delete_memory(self, *, app_name, user_id, memory_id=None):
        if not memory_id:
            raise ValueError("memory_id is missing: search_memory gives it")
        await self._call("DELETE", f"/interactions/{urllib.parse.quote(memory_id, safe='')}")

    async def _send(self, app_name, user_id, session_id, events):
        body = {"app_name": app_name, "user_id": user_id, "id": session_id or "default", "events": events}
        await self._call("POST", "/adk/sessions", body)

    async def _call(self, method, path, body=None):
        return await asyncio.to_thread(self._ask, method, path, body)

    def _ask(self, method, path, body):
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/v1/memory{path}", data, headers, method=method)
        try:
            with self._opener.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            said = json.loads(error.read() or b"{}").get("detail", "")
            raise RuntimeError(f"Jarkeeper answers {error.code}: {said}") from None


def _event(event):
    parts = [{"text": part.text, "thought": bool(part.thought)} for part in (event.content and event.content.parts) or [] if part.text]
    content = {"role": event.content.role if event.content else None, "parts": parts}
    return {"id": event.id, "author": event.author, "timestamp": event.timestamp, "partial": event.partial, "content": content}
