"""An instance as the existing client is one: `websockets`, a thread of its own for nothing, and raw_sse without its prefix.

Arguments: the WebSocket's address. Prints a line for each step. Answers chats until it is told to stop.
"""

import asyncio
import json
import sys

import websockets


async def main(address: str) -> None:
    async with websockets.connect(address, ping_interval=1, ping_timeout=5) as socket:
        print("connected", flush=True)
        await socket.send(json.dumps({"type": "heartbeat", "data": {"status": "alive"}, "version": "1.0"}))
        assert json.loads(await socket.recv()) == {"type": "heartbeat_ack"}
        print("acknowledged", flush=True)
        # Long enough for some pings, which the library sends by itself and wants answered.
        await asyncio.sleep(2.5)
        async for text in socket:
            message = json.loads(text)
            if message["type"] != "chat":
                continue
            said = message["request"]["messages"][-1]["content"]
            for word in ["you ", "said ", said]:
                delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
                chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
                frame = {"type": "chat_response", "request_id": message["request_id"], "raw_sse": json.dumps(chunk), "done": False}
                await socket.send(json.dumps(frame))
            await socket.send(json.dumps({"type": "chat_response", "request_id": message["request_id"], "done": True}))


try:
    asyncio.run(main(sys.argv[1]))
except websockets.ConnectionClosed as closed:
    print("closed", closed.rcvd.code if closed.rcvd else None, flush=True)
