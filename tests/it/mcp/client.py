"""Calls Jarkeeper's tools with the Model Context Protocol's own Python SDK, as any agent would.

Reads one JSON object from standard input: how to connect, and the calls. Writes one to standard output: what was seen.

    {"url": "http://127.0.0.1:1/mcp", "headers": {}}    streamable HTTP
    {"command": ["jarkeeper", "mcp"], "env": {}}        standard input and output
    "mode": "auto" | "legacy"                           how the version is agreed on
    "oauth": {"ticket": "http://…", "answer": "allow"}  signs in first: discovery, registration, PKCE
    "calls": [{"tool": "…", "arguments": {}}]           one after the other
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


async def connect(asked):
    if "command" in asked:
        command, *arguments = asked["command"]
        return StdioServerParameters(command=command, args=arguments, env=asked.get("env")), {}
    seen = {}
    auth = None
    if "oauth" in asked:
        from oauth import provider

        auth = provider(asked["url"], asked["oauth"], seen)
    http = httpx2.AsyncClient(headers=asked.get("headers"), auth=auth, timeout=120)
    return streamable_http_client(asked["url"], http_client=http), seen


async def main():
    asked = json.load(sys.stdin)
    progress = []

    async def heard(amount, total, message):
        progress.append(message)

    server, seen = await connect(asked)
    async with Client(server, mode=asked.get("mode", "auto")) as client:
        tools = (await client.list_tools()).tools
        results = []
        for call in asked["calls"]:
            try:
                result = await client.call_tool(call["tool"], call.get("arguments"), progress_callback=heard)
                text = "\n".join(block.text for block in result.content)
                results.append({"failed": bool(result.is_error), "text": text, "data": result.structured_content})
            except Exception as error:
                results.append({"refused": str(error)})
        told = {
            "server": client.server_info.name if client.server_info else None,
            "version": client.protocol_version,
            "instructions": client.instructions,
            "tools": {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools},
            "results": results,
            "progress": progress,
            **seen,
        }
    json.dump(told, sys.stdout)


asyncio.run(main())
