"""Signs in to the daemon's authorization server as any agent's SDK does: it finds everything out by itself, and a person agrees
in a real Chromium."""

import asyncio
import os
import shutil
import socket
import urllib.parse

from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata
from playwright.async_api import async_playwright


class Kept:
    """What the client keeps between runs: here, nothing longer than this one."""

    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def provider(server, asked, seen):
    """`asked`: the ticket's address, and how the person answers: `allow` or `deny`."""
    came = asyncio.get_running_loop().create_future()
    listening = socket.create_server(("127.0.0.1", 0))
    callback = f"http://127.0.0.1:{listening.getsockname()[1]}/callback"

    async def back(reader, writer):
        line = (await reader.readline()).decode()
        path = line.split(" ")[1]
        body = b"You can close this page."
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        if path.startswith("/callback") and not came.done():
            came.set_result(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query)))

    async def person(url):
        server = await asyncio.start_server(back, sock=listening)
        seen["authorize"] = url
        async with async_playwright() as playwright:
            found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = await playwright.chromium.launch(executable_path=found, args=arguments)
            page = await browser.new_page()
            await page.goto(asked["ticket"])
            await page.click("#sign-in")
            await page.goto(url)
            seen["consent"] = await page.inner_text("body")
            await page.click(f"button[value={asked['answer']}]")
            await asyncio.wait_for(came, 30)
            await browser.close()
        server.close()

    async def brought():
        answer = await came
        return AuthorizationCodeResult(code=answer.get("code", ""), state=answer.get("state"), iss=answer.get("iss"))

    kept = Kept()
    metadata = OAuthClientMetadata(
        client_name="A test's agent",
        redirect_uris=[callback],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    return OAuthClientProvider(server, metadata, kept, redirect_handler=person, callback_handler=brought)
