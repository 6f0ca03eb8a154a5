"""`scripts/bench memory`: many memories, searched by eight callers at once over the HTTP API; and mem0 on a part of them.

1,000 users with 1,000 memories each and one with 100,000 (`--quick`: 50, and one with 20,000). Shape of what it prints: times in
milliseconds, rates a second, memory in MiB, ratios, and whether an aim is met. Every answer is checked. The callers are processes
that write bytes made beforehand to connections they keep; what they cost by themselves is shown with a request that does nothing.
Texts come from a seeded generator with words as frequent as those of a language, and from the own questions of `benches/questions`.
"""

import itertools
import json
import os
import random
import resource
import statistics
import tempfile
import threading
import time
from pathlib import Path

import beside_mem0
from api import judged
from callers import Line, quantile, together
from daemon import Daemon
from texts import Texts

CALLERS = 8
# Processes that add, and memories of one request.
ADDERS = 4
BATCH = 200
# Users, memories of each, memories of the large user.
FULL, QUICK = (1000, 1000, 100_000), (50, 1000, 20_000)
# Searches of each caller, of small users and of the large one.
SEARCHES = 2000, 500
# How long memories are added one by one, in seconds.
SINGLY = 5
AIMS = {"small": 10, "large": 50, "adding": 2000, "disk": 2e9, "flat": 1.1}


def add(number, ready, daemon, texts, shares):
    """Adds the memories of its share of the users; times of the requests."""
    line, times = Line(daemon.address, daemon.key), []
    ready.wait(600)
    for user, count in shares[number]:
        turns = texts.turns(user, count)
        while batch := list(itertools.islice(turns, BATCH)):
            body, took = line.ask(line.request("/v1/memory/interactions", {"user_id": user, "interactions": batch}))
            if json.loads(body)["added"] != len(batch):
                raise SystemExit(f"of {len(batch)} memories not all were added: {body[:300]!r}")
            times.append(took)
    return times


def add_singly(number, ready, daemon, texts):
    line, times = Line(daemon.address, daemon.key), []
    bodies = [{"user_id": f"one-{number}", "interactions": [turn]} for turn in texts.turns(number, 400)]
    requests = [line.request("/v1/memory/interactions", body) for body in bodies]
    ready.wait(600)
    end = time.monotonic() + SINGLY
    for request in itertools.cycle(requests):
        if time.monotonic() > end:
            return times
        times.append(line.ask(request)[1])


def search(number, ready, daemon, texts, users, count):
    """Times of searches, and how many had a hit."""
    line, dice = Line(daemon.address, daemon.key), random.Random(f"caller {number}")
    requests = [
        line.request("/v1/memory/search", {"user_id": dice.choice(users), "query": texts.question(dice), "k": 10}) for _ in range(count)
    ]
    ready.wait(600)
    times, found = [], 0
    for request in requests:
        body, took = line.ask(request)
        times.append(took)
        found += b'"hits":[{' in body
    return times, found


def least(number, ready, daemon, count):
    """Requests that next to nothing is done for. Not `/healthz`: what needs no key has a rate."""
    line = Line(daemon.address, daemon.key)
    request = line.request("/v1/sites")
    ready.wait(600)
    return [line.ask(request)[1] for _ in range(count)]


def row(name, times, took, verdict=""):
    rate = len(times) / took
    print(f"{name:46}{rate:>12,.0f}{quantile(times, 0.5):>10.2f}{quantile(times, 0.99):>10.2f}  {verdict}", flush=True)


def searches(name, daemon, texts, users, count, aim):
    told, took = together(CALLERS, search, daemon, texts, users, count)
    times = [time for caller, _ in told for time in caller]
    row(name, times, took, judged(f"p99 under {aim} ms", quantile(times, 0.99) < aim))
    found = sum(found for _, found in told)
    if found < len(times) / 2:
        raise SystemExit(f"only {found} of {len(times)} searches found anything")


class Watch:
    """Looks at the memory of the daemon every half second."""

    def __init__(self, daemon):
        self.daemon, self.seen, self.over = daemon, [], threading.Event()
        self.task = threading.Thread(target=self.look)
        self.task.start()

    def look(self):
        while not self.over.wait(0.5):
            self.seen.append(self.daemon.resident())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.task.join()


def filled(daemon, texts, sizes):
    """Adds all; the memory of the daemon on the way, and how many memories there are."""
    users, each, large = sizes
    # The large user is the last one of one caller, so that small ones are added beside it.
    shares = [[(f"user-{number}", each) for number in range(first, users, ADDERS)] for first in range(ADDERS)]
    shares[0].append(("large", large))
    count = users * each + large
    before, own = daemon.spent(), sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    with Watch(daemon) as watch:
        told, took = together(ADDERS, add, daemon, texts, shares)
    times = [time for caller in told for time in caller]
    row(f"adding {BATCH} in a request, {ADDERS} callers: requests", times, took)
    rate, theirs = count / took, sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - own
    print(f"{'  memories':46}{rate:>12,.0f}{'':22}{judged(f'''{AIMS['adding']:,} a second''', rate >= AIMS['adding'])}")
    ours = daemon.spent() - before
    print(f"  {count:,} in {took:.0f} s; CPU of each: {ours / count * 1e6:.0f} us ours, {theirs / count * 1e6:.0f} us the callers'")
    return watch.seen, count


def measure(binary, python, sizes, settings):
    """`python` has mem0, or is none; `sizes` is FULL or QUICK; `settings`: KEY=VALUE for the daemon."""
    texts = Texts()
    with tempfile.TemporaryDirectory(prefix="jarkeeper-bench-") as name:
        daemon = Daemon(binary, Path(name), "memory:read,memory:write,sessions:read", settings)
        try:
            empty, resident = daemon.on_disk(), [daemon.resident()]
            many = f"{sizes[0]:,} users with {sizes[1]:,} memories, one with {sizes[2]:,}"
            print(f"{os.cpu_count()} CPUs shared with the callers; {many}.\n")
            print(f"{'':46}{'a second':>12}{'p50 ms':>10}{'p99 ms':>10}  aim")
            told, took = together(CALLERS, least, daemon, SEARCHES[0])
            row(f"/v1/sites of none, {CALLERS} callers: what they cost", [time for caller in told for time in caller], took)
            seen, count = filled(daemon, texts, sizes)
            resident += [seen[len(seen) // 4], seen[len(seen) // 2], daemon.resident()]
            told, took = together(CALLERS, add_singly, daemon, texts)
            singly = [time for caller in told for time in caller]
            count += len(singly)
            row(f"adding one in a request, {CALLERS} callers", singly, took)
            users = [f"user-{number}" for number in range(sizes[0])]
            searches(f"search, {sizes[1]:,} memories, {CALLERS} callers", daemon, texts, users, SEARCHES[0], AIMS["small"])
            searches(f"search, {sizes[2]:,} memories, {CALLERS} callers", daemon, texts, ["large"], SEARCHES[1], AIMS["large"])
            resident.append(daemon.resident())
            searches("the small ones once more", daemon, texts, users, SEARCHES[0], AIMS["small"])
            resident.append(daemon.resident())
            signals = daemon.post("/v1/memory/search", {"user_id": "large", "query": texts.own[0]})["signals"]
        finally:
            daemon.close()
        disk = (daemon.on_disk() - empty) / count
    bytes_of_text = statistics.mean(len(turn["text"].encode()) for turn in texts.turns("user-0", sizes[1]))
    print(f"\nsignals: {', '.join(signals)}; load {os.getloadavg()[0]:.1f} at the end")
    verdict = judged(f"under {AIMS['disk'] / 1e9:.0f} GB for 1,000,000", disk * 1e6 < AIMS["disk"])
    print(f"on the disk: {disk:,.0f} bytes a memory, of which its text {bytes_of_text:.0f}; {disk * 1e6 / 1e9:.2f} GB  {verdict}")
    steps = ("at the start", "after a quarter", "half", "all", "after searches", "after more")
    print("resident, MiB: " + ", ".join(f"{what} {mib:.0f}" for what, mib in zip(steps, resident)))
    flat = max(resident[3:]) <= AIMS["flat"] * max(resident[1:3])
    print(f"  {judged('flat: never a tenth above that of the first half', flat)}\n")
    if python:
        beside_mem0.measure(binary, python, texts, settings)
