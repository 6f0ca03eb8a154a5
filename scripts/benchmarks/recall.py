"""`scripts/bench recall`: questions about long conversations, asked over the HTTP API, beside SQLite's FTS5 on the same turns.

One conversation is one user, one turn one interaction. A question counts with the share of the turns that answer it among the
first k hits (R@k), and with 1/rank of the first of them (MRR). The peer is FTS5 with Porter stems, no words that every text has, and
the neighbours' texts as columns of their own (bm25 weights 1, 0.3, 0.2): the best simple way that was found.

Shape of what it prints: R@1, R@5, R@10, R@20 in percent, MRR, and the time of a question in milliseconds; ratios are ours to theirs.
"""

import collections
import datetime
import http.client
import json
import os
import re
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from api import wait_for

KS = (1, 5, 10, 20)
# Kinds of questions; those of the last kind ask for what was never said, and count apart.
KINDS = {1: "several turns", 2: "when", 3: "what must be concluded", 4: "one turn", 5: "of somebody else"}
ANSWERABLE = (1, 2, 3, 4)
AIMS = {"R@10": 76.0, "MRR": 0.60}
# Interactions of one request.
BATCH = 500
STOP = set(
    "a an and are as at be been by did do does for from had has have he her his how i in is it its of on or she that the their "
    "they this to was were what when where which who whom why will with would you your".split()
)


def conversations(path):
    """Users: name, turns (id, speaker, role, session, time, text) and questions (kind, question, ids of what answers)."""
    for number, one in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        said, turns = one["conversation"], []
        sessions = [name for name in said if re.fullmatch(r"session_\d+", name) and said[name]]
        for session in sorted(sessions, key=lambda name: int(name.split("_")[1])):
            begun = datetime.datetime.strptime(said[f"{session}_date_time"].strip(), "%I:%M %p on %d %B, %Y")
            for place, turn in enumerate(said[session]):
                text = turn["text"] + (f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else "")
                at = (begun + datetime.timedelta(seconds=30 * place)).isoformat() + "Z"
                role = "user" if turn["speaker"] == said["speaker_a"] else "assistant"
                turns.append((turn["dia_id"], turn["speaker"], role, session, at, text))
        ids = {turn[0] for turn in turns}
        questions = []
        for asked in one["qa"]:
            evidence = set(re.findall(r"D\d+:\d+", " ".join(asked.get("evidence", [])))) & ids
            if evidence:
                questions.append((asked["category"], asked["question"], evidence))
        yield f"user-{number}", turns, questions


class Ours:
    """A daemon on a folder of its own."""

    def __init__(self, binary, folder):
        root = folder / "root"
        (root / "sites").mkdir(parents=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith("JARKEEPER_")}
        env["JARKEEPER_API__LISTEN"] = "127.0.0.1:0"
        log = folder / "daemon.log"
        line = [str(binary), "--root", str(root)]
        with open(log, "wb") as out:
            self.daemon = subprocess.Popen([*line, "serve"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        served = r'"the API is served".*?"address":"([^"]+)"'
        self.address = wait_for("the daemon", lambda: re.search(served, log.read_text(encoding="utf-8")))[1]
        scopes = "memory:read,memory:write"
        made = [*line, "--json", "key", "create", "bench", "--scope", scopes]
        self.key = json.loads(subprocess.run(made, env=env, capture_output=True, text=True, check=True).stdout)["value"]
        host, port = self.address.rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=60)

    def ask(self, path, body):
        headers = {"Content-Type": "application/json", "X-API-Key": self.key}
        self.connection.request("POST", path, body=json.dumps(body), headers=headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise SystemExit(f"{path} answered {answer.status}: {text[:400]!r}")
        return json.loads(text)

    def add(self, user, turns):
        self.names = {}
        for begin in range(0, len(turns), BATCH):
            part = turns[begin : begin + BATCH]
            said = [
                {"text": text, "role": role, "speaker": speaker, "session": session, "occurred_at": at}
                for _, speaker, role, session, at, text in part
            ]
            ids = self.ask("/v1/memory/interactions", {"user_id": user, "interactions": said})["ids"]
            self.names.update(zip(ids, (turn[0] for turn in part)))

    def search(self, user, question):
        found = self.ask("/v1/memory/search", {"user_id": user, "query": question, "k": max(KS)})
        return [self.names[hit["id"]] for hit in found["hits"]]

    def close(self):
        self.connection.close()
        self.daemon.terminate()
        self.daemon.wait(timeout=30)


class Theirs:
    """FTS5 with the neighbours' texts beside each turn."""

    def __init__(self):
        self.tables = sqlite3.connect(":memory:")

    def add(self, user, turns):
        table = user.replace("-", "_")
        sql = f"CREATE VIRTUAL TABLE {table} USING fts5(body, prev, next, id UNINDEXED, tokenize='porter unicode61')"
        self.tables.execute(sql)
        said = [f"{speaker}: {text}" for _, speaker, _, _, _, text in turns]
        for place, turn in enumerate(turns):
            near = [at if 0 <= at < len(turns) and turns[at][3] == turn[3] else None for at in (place - 1, place + 1)]
            beside = ["" if at is None else said[at] for at in near]
            self.tables.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", (said[place], *beside, turn[0]))

    def search(self, user, question):
        table = user.replace("-", "_")
        words = [word for word in re.findall(r"\w+", question.lower()) if word not in STOP]
        query = " OR ".join(f'"{word}"' for word in dict.fromkeys(words))
        sql = f"SELECT id FROM {table} WHERE {table} MATCH ? ORDER BY bm25({table}, 1, 0.3, 0.2, 0) LIMIT ?"
        return [row[0] for row in self.tables.execute(sql, (query, max(KS)))] if query else []

    def close(self):
        self.tables.close()


def asked(way, path):
    """Figures of each question: kind, shares for each k, 1/rank, milliseconds."""
    figures = []
    for user, turns, questions in conversations(path):
        way.add(user, turns)
        for kind, question, evidence in questions:
            began = time.perf_counter()
            hits = way.search(user, question)
            took = (time.perf_counter() - began) * 1000
            shares = [len(evidence & set(hits[:k])) / len(evidence) for k in KS]
            rank = next((place for place, hit in enumerate(hits, 1) if hit in evidence), 0)
            figures.append((kind, shares, 1 / rank if rank else 0, took))
    return figures


def summed(figures, kinds):
    chosen = [one for one in figures if one[0] in kinds]
    told = {f"R@{k}": 100 * statistics.mean(one[1][place] for one in chosen) for place, k in enumerate(KS)}
    told["MRR"] = statistics.mean(one[2] for one in chosen)
    told["ms"] = statistics.median(one[3] for one in chosen)
    return told


def show(name, told):
    numbers = "".join(f"{value:9.3f}" if figure == "MRR" else f"{value:9.1f}" for figure, value in told.items())
    print(f"{name:38}{numbers}")


def measure(binary, path):
    with tempfile.TemporaryDirectory(prefix="jarkeeper-bench-") as folder:
        ways = {"Jarkeeper": Ours(binary, Path(folder)), "FTS5 with neighbours": Theirs()}
        figures = {}
        try:
            for name, way in ways.items():
                figures[name] = asked(way, path)
        finally:
            for way in ways.values():
                way.close()
    counts = collections.Counter(one[0] for one in figures["Jarkeeper"])
    answerable = sum(counts[kind] for kind in ANSWERABLE)
    print(f"{answerable} questions that the conversations answer ({path.name}); SQLite {sqlite3.sqlite_version}\n")
    print(f"{'':38}" + "".join(f"{figure:>9}" for figure in [*(f"R@{k}" for k in KS), "MRR", "ms"]))
    both = [summed(one, ANSWERABLE) for one in figures.values()]
    for name, told in zip(figures, both):
        show(name, told)
    ours, theirs = both
    print(f"{'ratio':38}" + "".join(f"{ours[figure] / theirs[figure]:9.2f}" for figure in ours))
    for kind, name in KINDS.items():
        if counts[kind]:
            show(f"  Jarkeeper, {name} ({counts[kind]})", summed(figures["Jarkeeper"], (kind,)))
    print()
    for figure, aim in AIMS.items():
        print(f"aim {figure} {aim}: {'met' if ours[figure] >= aim else 'NOT MET'} ({ours[figure]:.3f})")
