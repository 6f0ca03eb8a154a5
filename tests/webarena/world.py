"""What every check starts from: the stand-in sites, a folder with the shipped recipes, a checkout that links the script."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from standin import StandIn

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
SCRIPTS = REPOSITORY / "scripts" / "webarena"
# Longest time for one command, in seconds.
DEADLINE = 300

WEBARENA_SITES = ("gitlab", "shopping", "shopping_admin", "reddit")
WEBARENA_FILES = {
    f"{name}_state.json"
    for name in (*WEBARENA_SITES, "gitlab.reddit", "gitlab.shopping", "gitlab.shopping_admin", "shopping.shopping_admin")
}
VISUALWEBARENA_FILES = {
    f"{name}_state.json"
    for name in ("shopping", "reddit", "classifieds", "classifieds.shopping", "classifieds.reddit")
}


def jarkeeper():
    """The program under test."""
    path = os.environ.get("JARKEEPER_BIN")
    if not path or not os.access(path, os.X_OK):
        sys.exit("set JARKEEPER_BIN to the built jarkeeper, for example target/debug/jarkeeper")
    return os.path.abspath(path)


def chromium():
    """Full Chromium, which Playwright drives."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    return found or sys.exit("no Chromium: apt-get install chromium, or set CHROMIUM to one")


def environment():
    """Ours without the variables that steer the script or the program."""
    names = ("DATASET", "SHOPPING", "SHOPPING_ADMIN", "REDDIT", "GITLAB", "CLASSIFIEDS")
    kept = {k: v for k, v in os.environ.items() if k not in names and not k.startswith("JARKEEPER_")}
    kept["JARKEEPER_BIN"] = jarkeeper()
    if os.geteuid() == 0:
        # Chromium's sandbox does not work for root; the machines that run these checks are root's.
        kept["JARKEEPER_BROWSER__SANDBOX"] = "false"
    return kept


class World:
    """A temporary folder with `root` (recipes and `.auth`) and `checkout` (what WebArena's own folder looks like)."""

    def __init__(self, dataset="webarena"):
        self.folder = Path(tempfile.mkdtemp(prefix="jarkeeper-webarena-"))
        self.root = self.folder / "root"
        self.checkout = self.folder / "checkout"
        self.out = self.folder / "out"
        shutil.copytree(SCRIPTS / dataset / "sites", self.root / "sites")
        (self.checkout / "browser_env").mkdir(parents=True)
        (self.checkout / "browser_env" / "__init__.py").touch()
        (self.checkout / "browser_env" / "auto_login.py").symlink_to(SCRIPTS / "auto_login.py")
        self.sites = StandIn()
        self.env = dict(environment(), **self.sites.env, DATASET=dataset, JARKEEPER_ROOT=str(self.root))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sites.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *arguments, folder=None, env=None):
        """The script, as `run.py` starts it."""
        command = [sys.executable, "browser_env/auto_login.py", "--auth_folder", str(folder or self.out), *arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.checkout, env=env or self.env, text=True, **pipes)

    def auto_login(self, *arguments, folder=None, env=None):
        """Runs the script to its end: exit status, and all that it printed."""
        with self.start(*arguments, folder=folder, env=env) as process:
            try:
                text, _ = process.communicate(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return process.returncode, text

    def succeed(self, *arguments, folder=None, env=None):
        code, text = self.auto_login(*arguments, folder=folder, env=env)
        assert code == 0, f"auto_login.py {' '.join(arguments)} ended with {code}:\n{text}"
        return text

    def fail(self, *arguments, folder=None, env=None):
        code, text = self.auto_login(*arguments, folder=folder, env=env)
        assert code != 0, f"auto_login.py {' '.join(arguments)} must fail; it printed:\n{text}"
        return text

    def python(self, code, env=None):
        """Runs code beside `browser_env`; gives what it printed, read as JSON."""
        command = [sys.executable, "-c", f"import json\nimport browser_env.auto_login as script\n{code}"]
        done = subprocess.run(
            command, cwd=self.checkout, env=env or self.env, text=True, capture_output=True, timeout=DEADLINE, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def expired(self, *files):
        """(file's name, site) of every session in these files that the script's own check finds ended."""
        code = """
import sys
found = []
for file in FILES:
    for site in script.get_site_comb_from_filepath(file):
        at = script.SITES.index(site)
        if script.is_expired(file, script.URLS[at], script.KEYWORDS[at], True):
            found.append([file.rpartition("/")[2], site])
print(json.dumps(found))
"""
        return [tuple(pair) for pair in self.python(f"FILES = {[str(file) for file in files]!r}{code}")]

    def checks(self, folder):
        """(file, check URL, keyword) for every site of every file in the folder."""
        code = """
checks = []
for file in FILES:
    for site in script.get_site_comb_from_filepath(file):
        at = script.SITES.index(site)
        checks.append([file, script.URLS[at], script.KEYWORDS[at]])
print(json.dumps(checks))
"""
        return self.python(f"FILES = {[str(file) for file in files_in(folder)]!r}{code}")


def files_in(folder):
    """What `glob("*.json")` sees there."""
    return sorted(path for path in Path(folder).glob("*.json") if not path.name.startswith("."))


def names_in(folder):
    return {path.name for path in files_in(folder)}


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))
