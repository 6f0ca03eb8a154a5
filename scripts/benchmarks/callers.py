"""Callers of a daemon at once: processes with connections that are kept, and requests that are bytes made beforehand."""

import json
import math
import multiprocessing
import socket
import threading
import time


class Line:
    """A connection that is kept, and requests that are bytes: next to nothing of a request's time is the caller's own."""

    def __init__(self, address, key):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = f"Host: {address}\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"

    def request(self, path, body=None):
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        verb = "GET" if body is None else "POST"
        return f"{verb} {path} HTTP/1.1\r\n{self.head}Content-Length: {len(content)}\r\n\r\n".encode() + content

    def ask(self, request):
        """The body of the answer, and how long it took in milliseconds. An answer that is not good ends the run."""
        began = time.perf_counter()
        self.socket.sendall(request)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self.more()
        head = got[:end].lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        parts, have = [got[end + 4 :]], len(got) - end - 4
        while have < length:
            parts.append(self.more())
            have += len(parts[-1])
        took = (time.perf_counter() - began) * 1000
        body = b"".join(parts)
        if not head.startswith((b"http/1.1 200", b"http/1.1 201")):
            raise SystemExit(f"an answer was {head[:15].decode()!r}: {body[:300]!r}")
        return body, took

    def more(self):
        got = self.socket.recv(1 << 16)
        if not got:
            raise SystemExit("the daemon closed a connection")
        return got


def together(count, work, *arguments):
    """`work(number, ready, *arguments)` in so many processes: what each returned, and how long all took from when all were ready."""
    # Forked: what they need is there already.
    fork = multiprocessing.get_context("fork")
    ready, results = fork.Barrier(count + 1), fork.SimpleQueue()

    def run(number):
        try:
            results.put((True, work(number, ready, *arguments)))
        except BaseException as failure:
            ready.abort()
            results.put((False, f"{type(failure).__name__}: {failure}"))

    tasks = [fork.Process(target=run, args=(number,)) for number in range(count)]
    for task in tasks:
        task.start()
    try:
        ready.wait(600)
        began = time.monotonic()
    except threading.BrokenBarrierError:
        began = None
    told = [results.get() for _ in tasks]
    took = None if began is None else time.monotonic() - began
    for task in tasks:
        task.join()
    if failures := [what for good, what in told if not good]:
        raise SystemExit(f"a caller stopped: {failures[0]}")
    return [what for _, what in told], took


def quantile(times, part):
    return sorted(times)[min(len(times) - 1, math.ceil(part * len(times)) - 1)]
