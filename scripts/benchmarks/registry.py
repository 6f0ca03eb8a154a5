"""`scripts/bench registry`: the registry with 100,000 instances, with guesses at passwords, and with many that register.

Shape of what it prints: times in milliseconds, ratios, and whether an aim is met. Every answer is checked. Callers come from
several addresses of this machine (127.x.y.z), since each address may do only so much.
"""

import http.client
import itertools
import json
import math
import multiprocessing
import os
import random
import re
import secrets
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from api import judged, wait_for

INSTANCES = 100_000
# Requests of each kind that is timed.
TIMED = 2_000
# Samples of each kind where known ids are compared with unknown ones.
COMPARED = 2_000
# Wrong passwords that come in while another route is timed.
GUESSES = 10_000
# Registrations that are timed, and how many come at once.
REGISTERED = 300
# So many wrong ones for one id lock nothing yet.
BELOW_LOCK = 8
# So many guesses from one address are looked at at once.
BELOW_BUDGET = 200


def address(number):
    return f"127.1.{number // 250}.{number % 250 + 2}"


class Caller:
    """One connection that is kept, from one address."""

    def __init__(self, host, source="127.0.0.1"):
        name, port = host.rsplit(":", 1)
        self.connection = http.client.HTTPConnection(name, int(port), timeout=60, source_address=(source, 0))

    def ask(self, method, path, headers=None, body=None):
        """The status, the body, and how long it took in milliseconds."""
        headers = dict(headers or {})
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        began = time.perf_counter()
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, text, (time.perf_counter() - began) * 1000

    def timed(self, count, ask):
        """`ask`: number -> (path, headers). The times."""
        times = []
        for number in range(count):
            path, headers = ask(number)
            status, text, took = self.ask("GET", path, headers)
            if status != 200:
                raise SystemExit(f"GET {path}: {status} {text!r}")
            times.append(took)
        return times


def quantile(times, part):
    return sorted(times)[min(len(times) - 1, math.ceil(part * len(times)) - 1)]


def row(name, times, aim=None):
    p50, p99 = quantile(times, 0.5), quantile(times, 0.99)
    verdict = "" if aim is None else judged(f"p99 under {aim} ms", p99 < aim)
    print(f"{name:46}{p50:>10.2f}{p99:>10.2f}  {verdict}", flush=True)
    return p99


def mann_whitney(ones, others):
    """How likely so large a difference is where there is none (two sides, by the normal approximation)."""
    ranked = sorted([(value, 0) for value in ones] + [(value, 1) for value in others])
    ranks, at = 0.0, 0
    for _, group in itertools.groupby(ranked, key=lambda pair: pair[0]):
        group = list(group)
        middle = at + (len(group) + 1) / 2
        ranks += middle * sum(1 for _, which in group if which == 0)
        at += len(group)
    first, second = len(ones), len(others)
    u = ranks - first * (first + 1) / 2
    spread = math.sqrt(first * second * (first + second + 1) / 12)
    return math.erfc(abs(u - first * second / 2) / spread / math.sqrt(2))


def guess(host, first, count):
    """Shows wrong passwords, each for another id, from this address and the next ones."""
    number, source = 0, first
    while number < count:
        caller = Caller(host, address(source))
        for _ in range(min(500, count - number)):
            bearer = f"{secrets.token_hex(10)}:{secrets.token_hex(8)}"
            status, _, _ = caller.ask("GET", "/api/upload/list", {"Authorization": f"Bearer {bearer}"})
            assert status in (401, 429, 503), status
            number += 1
        source += 1


class Daemon:
    def __init__(self, binary, seed, folder):
        root = folder / "root"
        (root / "sites").mkdir(parents=True)
        (root / "config.toml").write_text("[registry]\npublic_directory = true\n", encoding="ascii")
        env = {k: v for k, v in os.environ.items() if not k.startswith("JARKEEPER_")}
        self.env = env | {"JARKEEPER_API__LISTEN": "127.0.0.1:0"}
        self.line = [str(binary), "--root", str(root)]
        # The folder's inside is made by the first command.
        self.run("--json", "key", "create", "first", "--scope", "registry:read")
        began = time.monotonic()
        seeded = subprocess.run([seed, root, str(INSTANCES)], capture_output=True, text=True, check=True)
        self.seeded_s = time.monotonic() - began
        self.ids = seeded.stdout.split()
        log = folder / "daemon.log"
        self.child = subprocess.Popen([*self.line, "serve"], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(log, "wb"))
        served = r'"the API is served".*?"address":"([^"]+)"'
        self.host = wait_for("the daemon", lambda: re.search(served, log.read_text(encoding="utf-8")))[1]
        made = self.run("--json", "key", "create", "bench", "--scope", "registry:read", "--scope", "sessions:read")
        self.key = {"X-API-Key": json.loads(made)["value"]}

    def run(self, *arguments):
        done = subprocess.run([*self.line, *arguments], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout


def reads(daemon):
    caller = Caller(daemon.host)
    body = {"upload_name": "bench", "instance_id": None, "description": None, "email": None, "tags": None}
    _, text, _ = caller.ask("POST", "/api/upload/register", body=body)
    made = json.loads(text)["data"]
    own = {"Authorization": f"Bearer {made['instance_id']}:{made['instance_password']}"}
    pages = lambda number, most: f"/api/upload/list?page_no={random.randrange(most) + 1}&page_size=20"
    words = ["night", "rep", "w", "shop mir", "tower 7", "99", "brid st", "letter summer"]
    search = lambda number: f"/v1/instances?name={words[number % len(words)].replace(' ', '%20')}"
    tags = lambda number: f"/v1/instances?tag=document_count%3D{number % 1000}"
    print(f"{'':46}{'p50':>10}{'p99':>10}  aim")
    row("list, the first page", caller.timed(TIMED, lambda n: (pages(n, 1), None)), 10)
    row("list, any of 5,000 pages", caller.timed(TIMED, lambda n: (pages(n, INSTANCES // 20), None)), 10)
    row("search by words", caller.timed(TIMED, lambda n: (search(n), daemon.key)), 10)
    row("search by a tag and its value", caller.timed(TIMED, lambda n: (tags(n), daemon.key)), 10)
    row("detail, by its password", caller.timed(TIMED, lambda n: (f"/api/upload/{made['instance_id']}", own)), 10)
    row("detail, by a key", caller.timed(TIMED, lambda n: (f"/v1/instances/{random.choice(daemon.ids)}", daemon.key)), 10)


def under_guesses(daemon):
    caller = Caller(daemon.host)
    sites = lambda number: ("/v1/sites", daemon.key)
    caller.timed(200, sites)
    quiet = row("another route, quiet", caller.timed(2 * TIMED, sites))
    began = time.monotonic()
    tasks = [multiprocessing.Process(target=guess, args=(daemon.host, 20 * n, GUESSES // 4)) for n in range(4)]
    for task in tasks:
        task.start()
    times = []
    while any(task.is_alive() for task in tasks):
        times += caller.timed(50, sites)
    took = time.monotonic() - began
    if any(task.exitcode for task in tasks):
        raise SystemExit("a guess was answered as none may be")
    loud = row(f"the same during {GUESSES:,} wrong passwords", times)
    print(f"{'  ratio of the p99':46}{loud / quiet:>20.2f}  {judged('2', loud <= 2 * quiet)}; {len(times):,} in {took:.0f} s")


def told_apart(daemon):
    known, unknown, callers = [], [], {}
    for number in range(2 * COMPARED):
        source = number // BELOW_BUDGET + 100
        caller = callers.setdefault(source, Caller(daemon.host, address(source)))
        which = random.random() < 0.5 if min(len(known), len(unknown)) < COMPARED else None
        which = which if len(known) < COMPARED and len(unknown) < COMPARED else len(known) < COMPARED
        times = known if which else unknown
        at = len(times) // BELOW_LOCK
        id = daemon.ids[at] if which else f"{at + 1:020x}"
        status, _, took = caller.ask("GET", "/api/upload/list", {"Authorization": f"Bearer {id}:{secrets.token_hex(20)}"})
        if status != 401:
            raise SystemExit(f"a guess was answered with {status}")
        times.append(took)
    row("a wrong password for a known id", known)
    row("a wrong password for an unknown id", unknown)
    ratio = statistics.median(known) / statistics.median(unknown)
    p = mann_whitney(known, unknown)
    print(f"{'  ratio of the medians, and p (Mann-Whitney)':46}{ratio:>10.3f}{p:>10.3f}  {judged('p over 0.01', p > 0.01)}")


def registrations(daemon):
    times, lock = [], threading.Lock()

    def register(source):
        caller = Caller(daemon.host, address(source))
        for number in range(REGISTERED // 4):
            body = {"upload_name": f"new {number}", "instance_id": None, "description": None, "email": None, "tags": {}}
            status, text, took = caller.ask("POST", "/api/upload/register", body=body)
            assert status == 200, text
            with lock:
                times.append(took)

    began = time.monotonic()
    tasks = [threading.Thread(target=register, args=(200 + n,)) for n in range(4)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    row("a registration, four at once", times)
    print(f"{'  registrations a second':46}{len(times) / (time.monotonic() - began):>20.0f}")


def measure(binary, seed):
    """`seed`: the program that fills the store."""
    with tempfile.TemporaryDirectory(prefix="jarkeeper-bench-") as name:
        daemon = Daemon(binary, seed, Path(name))
        try:
            print(f"{os.cpu_count()} CPUs shared with the callers; {INSTANCES:,} instances, written in {daemon.seeded_s:.0f} s.\n")
            reads(daemon)
            under_guesses(daemon)
            told_apart(daemon)
            registrations(daemon)
        finally:
            daemon.child.terminate()
            daemon.child.wait(30)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
