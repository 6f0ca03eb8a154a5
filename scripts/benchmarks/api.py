"""`scripts/bench api`: reads of a session by API key, beside nginx giving the same bytes as a file, under wrk.

Shape of what it prints: medians of the rounds; rates in requests a second, times in milliseconds, memory in MiB. Every answer
is checked: wrk counts what is not 2xx, and one such answer ends the run.
"""

import json
import os
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

# Connections of the flat-out rounds.
CONNECTIONS = 64
# Connections of the rounds at a fixed rate, and the pause of each between two requests: 5,000 a second.
STEADY = 100
PAUSE_MS = 20
RATE = STEADY * 1000 // PAUSE_MS
# Length of one round, in seconds.
ROUND = 10

NGINX = """
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=100;
    keepalive_requests 1000000000;
    types {{ application/json json; }}
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what, look, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise SystemExit(f"this did not come within {seconds} s: {what}")


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def memory(pid):
    """Resident memory of one process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


class Wrk:
    """One run of wrk; `rate`, `p50` and `p99` come out."""

    def __init__(self, folder, url, key=None, seconds=ROUND, steady=False):
        # In a file, because arguments can be read by everybody on the machine.
        script = folder / "request.lua"
        lines = [f'wrk.headers["X-API-Key"] = "{key}"'] if key else []
        if steady:
            lines.append(f"function delay() return {PAUSE_MS} end")
        lines.append(
            "function done(s, l, r) io.write(string.format('FIGURES {\"count\": %d, \"seconds\": %f, \"p50\": %f, \"p99\": %f, "
            "\"bad\": %d}\\n', s.requests, s.duration / 1e6, l:percentile(50) / 1e3, l:percentile(99) / 1e3, "
            "s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout)) end"
        )
        script.touch(mode=0o600)
        script.write_text("\n".join(lines), encoding="ascii")
        connections = STEADY if steady else CONNECTIONS
        line = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
        said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
        found = json.loads(re.search(r"FIGURES (.*)", said)[1])
        if found["bad"]:
            raise SystemExit(f"{found['bad']} answers were wrong:\n{said}")
        self.rate, self.p50, self.p99 = found["count"] / found["seconds"], found["p50"], found["p99"]


class Ours:
    """The demo site, a daemon that holds its session, and a key that reads it."""

    def __init__(self, binary, folder):
        self.children = []
        root = folder / "root"
        (root / "sites").mkdir(parents=True)
        port = free_port()
        env = {k: v for k, v in os.environ.items() if not k.startswith("JARKEEPER_")}
        self.env = env | {"DEMO_PASSWORD": secrets.token_hex(12), "JARKEEPER_API__LISTEN": "127.0.0.1:0"}
        if os.geteuid() == 0:
            # Root cannot use Chromium's sandbox.
            self.env["JARKEEPER_BROWSER__SANDBOX"] = "false"
        recipe = f'url = "http://127.0.0.1:{port}/login"\nusername = "demo"\npassword = {{ env = "DEMO_PASSWORD" }}\n'
        (root / "sites" / "demo.toml").write_text(recipe, encoding="ascii")
        self.line = [str(binary), "--root", str(root)]
        self.start([str(binary), "demo", "--port", str(port), "--life", "12h"], None)
        wait_for("the demo site", lambda: answers(port))
        self.run("login", "demo")
        log = folder / "daemon.log"
        self.daemon = self.start([*self.line, "serve"], log)
        served = r'"the API is served".*?"address":"([^"]+)"'
        address = wait_for("the daemon", lambda: re.search(served, log.read_text(encoding="utf-8")))[1]
        made = self.run("--json", "key", "create", "bench", "--scope", "sessions:read")
        self.key = json.loads(made)["value"]
        self.url = f"http://{address}/v1/sessions/demo/state"

    def start(self, line, log):
        out = open(log, "wb") if log else subprocess.DEVNULL
        child = subprocess.Popen(line, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out)
        self.children.append(child)
        return child

    def run(self, *arguments):
        return subprocess.run([*self.line, *arguments], env=self.env, capture_output=True, text=True, check=True).stdout

    def read(self):
        request = urllib.request.Request(self.url, headers={"X-API-Key": self.key})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()


def nginx(folder, content):
    """Starts it; the process, and the URL of the file."""
    port = free_port()
    (folder / "www").mkdir()
    (folder / "www" / "state.json").write_bytes(content)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port), encoding="ascii")
    # Its workers may be another user than root, for whom the folder is closed.
    for place in (folder, folder / "www"):
        place.chmod(0o755)
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    line = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for("nginx", lambda: answers(port))
    return child, f"http://127.0.0.1:{port}/state.json"


def row(name, theirs, ours, verdict=""):
    ratio = f"{ours / theirs:.2f}" if theirs else "-"
    their = f"{theirs:,.1f}" if theirs else "-"
    print(f"{name:44}{their:>12}{ours:>12,.1f}{ratio:>8}  {verdict}")


def judged(aim, met):
    return f"{aim}  {'met' if met else 'NOT MET'}"


def measure(binary, rounds, soak):
    """`soak`: how long the last part goes on, in seconds."""
    with tempfile.TemporaryDirectory(prefix="jarkeeper-bench-") as name:
        folder = Path(name)
        children = []
        try:
            ours = Ours(binary, folder)
            children += ours.children
            content = ours.read()
            child, file_url = nginx(folder, content)
            children.append(child)
            flat, steady = [], []
            for _ in range(rounds):
                flat.append((Wrk(folder, file_url), Wrk(folder, ours.url, ours.key)))
                steady.append((Wrk(folder, file_url, steady=True), Wrk(folder, ours.url, ours.key, steady=True)))
            before = memory(ours.daemon.pid)
            Wrk(folder, ours.url, ours.key, seconds=soak, steady=True)
            after = memory(ours.daemon.pid)
        finally:
            for child in reversed(children):
                child.terminate()
                child.wait(20)
    middle = lambda runs, way, what: statistics.median(getattr(pair[way], what) for pair in runs)
    print(f"{os.cpu_count()} CPUs shared with wrk, load {os.getloadavg()[0]:.1f} at the end; {len(content)} bytes; {rounds} rounds in turn.\n")
    print(f"{'':44}{'nginx':>12}{'Jarkeeper':>12}{'ratio':>8}  aim")
    ratio = statistics.median(our.rate / their.rate for their, our in flat)
    row(f"{CONNECTIONS} connections, requests a second", middle(flat, 0, "rate"), middle(flat, 1, "rate"), judged("0.50", ratio >= 0.5))
    row(f"{CONNECTIONS} connections, p99, ms", middle(flat, 0, "p99"), middle(flat, 1, "p99"))
    row("at a fixed rate, requests a second", middle(steady, 0, "rate"), middle(steady, 1, "rate"), f"about {RATE:,}")
    p99 = middle(steady, 1, "p99")
    row("at a fixed rate, p99, ms", middle(steady, 0, "p99"), p99, judged("5 ms", p99 < 5))
    row(f"memory after the rounds, MiB", None, before)
    # What grows with time would be more than this.
    row(f"memory {soak} s later, MiB", None, after, judged("flat: +5 % at most", after <= before * 1.05))
