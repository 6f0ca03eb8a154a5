"""A daemon of ours on a folder of its own, for the benches that ask it over HTTP."""

import http.client
import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

from api import wait_for

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


class Daemon:
    """It serves while this lives; `address` is HOST:PORT, `key` may what the scopes say.

    `settings`: KEY=VALUE, as for `--set`; `config`: the text of its `config.toml`.
    """

    def __init__(self, binary, folder, scopes, settings=(), config=""):
        self.root = folder / "root"
        (self.root / "sites").mkdir(parents=True)
        (self.root / "config.toml").write_text(config, encoding="utf-8")
        env = {name: value for name, value in os.environ.items() if not name.startswith("JARKEEPER_")}
        env["JARKEEPER_API__LISTEN"] = "127.0.0.1:0"
        log = folder / "daemon.log"
        line = [str(binary), "--root", str(self.root), *(part for one in settings for part in ("--set", one))]
        with open(log, "wb") as out:
            self.child = subprocess.Popen([*line, "serve"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        served = r'"the API is served".*?"address":"([^"]+)"'
        self.address = wait_for("the daemon", lambda: self.served(log, served))[1]
        made = [*line, "--json", "key", "create", "bench", "--scope", scopes]
        self.key = json.loads(subprocess.run(made, env=env, capture_output=True, text=True, check=True).stdout)["value"]
        host, port = self.address.rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=120)

    def served(self, log, pattern):
        told = log.read_text(encoding="utf-8")
        if self.child.poll() is not None:
            raise SystemExit(f"the daemon ended with {self.child.returncode}:\n{told[-2000:]}")
        return re.search(pattern, told)

    def ask(self, method, path, body, kind="application/json"):
        """What it answers; `body` is JSON, or bytes of another kind."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, body=content, headers={"Content-Type": kind, "X-API-Key": self.key})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise SystemExit(f"{method} {path} answered {answer.status}: {text[:400]!r}")
        return json.loads(text)

    def post(self, path, body):
        return self.ask("POST", path, body)

    def put_document(self, name, text, user=None):
        whose = f"?user_id={quote(user)}" if user else ""
        return self.ask("PUT", f"/v1/documents/{quote(name)}{whose}", text.encode(), "text/markdown")

    def resident(self):
        """Its resident memory, in MiB."""
        return int(Path(f"/proc/{self.child.pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE / 2**20

    def spent(self):
        """Its CPU time, in seconds."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def on_disk(self):
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def close(self):
        self.connection.close()
        self.child.terminate()
        self.child.wait(timeout=60)
