"""`scripts/bench recall`: questions about conversations and documents, asked over the HTTP API, beside SQLite's FTS5 on the same texts.

Two sets: the shared conversations (or any file of that form), and the own questions of `benches/questions`. One conversation is one
user, one turn one interaction. A question counts with the share of what answers it among the first k hits (R@k), and with 1/rank of
the first of it (MRR). The peer is FTS5 with Porter stems (pairs of three signs where a language has no spaces), no words that every
text has, and the neighbours' texts as columns of their own (bm25 weights 1, 0.3, 0.2): the best simple way that was found.

Shape of what it prints: R@1, R@5, R@10, R@20 in percent, MRR, and the time of a question in milliseconds; ratios are ours to theirs.
`ablation` asks the library itself (`benches/recall.rs`), with one part of the ranking after the other left out.
"""

import collections
import datetime
import json
import os
import re
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import questions as own
from daemon import Daemon

REPOSITORY = Path(__file__).resolve().parent.parent.parent
KS = (1, 5, 10, 20)
# Kinds of questions of the shared conversations; those of the last kind ask for what was never said, and count apart.
KINDS = {1: "several turns", 2: "when", 3: "what must be concluded", 4: "one turn", 5: "of somebody else"}
ANSWERABLE = (1, 2, 3, 4)
AIMS = {"R@10": 76.0, "MRR": 0.60}
# Interactions of one request.
BATCH = 500
# Longest wait for vectors that are made in the background, in seconds.
SETTLED = 600
STOP = set(
    "a an and are as at be been by did do does for from had has have he her his how i in is it its of on or she that the their "
    "they this to was were what when where which who whom why will with would you your".split()
)

Turn = collections.namedtuple("Turn", "id speaker role session at text")
# `evidence`: ids of turns, or pairs of a document and a sentence of it. `now`: when it is asked, or nothing.
Question = collections.namedtuple("Question", "id kind text now evidence")
# `documents`: name -> text.
User = collections.namedtuple("User", "name language turns documents questions")
Hit = collections.namedtuple("Hit", "id document text")


def conversations_file():
    corpora = Path(os.environ.get("JARKEEPER_CORPORA") or REPOSITORY.parent / "shared" / "corpora")
    return corpora / "conversations" / "dev.json"


def conversations(path):
    """The users of a file of the form of the shared conversations."""
    for number, one in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        said, turns = one["conversation"], []
        sessions = [name for name in said if re.fullmatch(r"session_\d+", name) and said[name]]
        for session in sorted(sessions, key=lambda name: int(name.split("_")[1])):
            begun = datetime.datetime.strptime(said[f"{session}_date_time"].strip(), "%I:%M %p on %d %B, %Y")
            for place, turn in enumerate(said[session]):
                text = turn["text"] + (f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else "")
                at = (begun + datetime.timedelta(seconds=30 * place)).isoformat() + "Z"
                role = "user" if turn["speaker"] == said["speaker_a"] else "assistant"
                turns.append(Turn(turn["dia_id"], turn["speaker"], role, session, at, text))
        ids = {turn.id for turn in turns}
        asked = []
        for place, question in enumerate(one["qa"]):
            evidence = set(re.findall(r"D\d+:\d+", " ".join(question.get("evidence", [])))) & ids
            if evidence:
                asked.append(Question(f"q{place}", question["category"], question["question"], None, evidence))
        yield User(f"user-{number}", "en", turns, {}, asked)


def worlds():
    """The users of the own questions."""
    every = own.worlds()
    own.check(every)
    for world in every:
        asked = []
        for one in world.questions:
            said = one["evidence"]
            evidence = {(said["document"], said["sentence"])} if one["kind"] == "document" else set(said["turns"])
            asked.append(Question(one["id"], one["kind"], one["question"], one["asked_at"], evidence))
        turns = [Turn(id, *turn) for id, turn in world.turns.items()]
        yield User(world.user, world.language, turns, world.documents, asked)


class Ours:
    """A daemon on a folder of its own. `how`: what else `Daemon` shall know."""

    def __init__(self, binary, folder, how):
        self.daemon = Daemon(binary, folder, "memory:read,memory:write", **how)
        self.names, self.signals = {}, []

    def add(self, user):
        for begin in range(0, len(user.turns), BATCH):
            part = user.turns[begin : begin + BATCH]
            said = [interaction(turn) for turn in part]
            ids = self.daemon.post("/v1/memory/interactions", {"user_id": user.name, "interactions": said})["ids"]
            self.names.update(zip(ids, (turn.id for turn in part)))
        for name, text in user.documents.items():
            self.daemon.put_document(name, text, user.name)
        self.settle(user)

    def settle(self, user):
        """Waits until what makes vectors behind our back has made them all: until nothing is warned of any more."""
        end = time.monotonic() + SETTLED
        asked = {"user_id": user.name, "query": user.turns[0].text, "k": 1}
        while (found := self.daemon.post("/v1/memory/search", asked)).get("warnings"):
            if time.monotonic() > end:
                raise SystemExit(f"after {SETTLED} s it still warns: {found['warnings']}")
            time.sleep(0.2)

    def search(self, user, question):
        asked = {"user_id": user.name, "query": question.text, "k": max(KS)}
        found = self.daemon.post("/v1/memory/search", asked | ({"now": question.now} if question.now else {}))
        self.signals = found["signals"]
        return [Hit(self.names.get(hit["id"]), (hit.get("document") or {}).get("name"), hit["text"]) for hit in found["hits"]]

    def close(self):
        self.daemon.close()


def interaction(turn):
    """A turn as the API takes it."""
    said = {"text": turn.text, "role": turn.role, "session": turn.session, "occurred_at": turn.at}
    return said | ({"speaker": turn.speaker} if turn.speaker else {})


class Theirs:
    """FTS5 with the neighbours' texts beside each turn, and beside each paragraph of a document."""

    def __init__(self):
        self.tables = sqlite3.connect(":memory:")

    def add(self, user):
        table = user.name.replace("-", "_")
        dense = user.language in ("zh", "ja")
        way = "trigram" if dense else "porter unicode61" if user.language == "en" else "unicode61"
        self.tables.execute(f"CREATE VIRTUAL TABLE {table} USING fts5(body, prev, next, id, document, tokenize='{way}')")
        said = [f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text for turn in user.turns]
        self.rows(table, [(turn.session, text, turn.id, None) for turn, text in zip(user.turns, said)])
        for name, text in user.documents.items():
            self.rows(table, [(name, part, None, name) for part in re.split(r"\n\s*\n", text) if part.strip()])

    def rows(self, table, rows):
        for place, (whole, body, id, document) in enumerate(rows):
            near = [rows[at] if 0 <= at < len(rows) and rows[at][0] == whole else None for at in (place - 1, place + 1)]
            beside = ["" if row is None else row[1] for row in near]
            self.tables.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", (body, *beside, id, document))

    def search(self, user, question):
        table = user.name.replace("-", "_")
        words = [word for word in re.findall(r"[^\W_]+(?:[^\s\w]?[^\W_]+)*", question.text.lower()) if word not in STOP]
        if user.language in ("zh", "ja"):
            words = [word[at : at + 3] for word in words for at in range(max(1, len(word) - 2))]
        query = " OR ".join(f'{{body prev next}} : "{word}"' for word in dict.fromkeys(words) if '"' not in word)
        sql = f"SELECT id, document, body FROM {table} WHERE {table} MATCH ? ORDER BY bm25({table}, 1, 0.3, 0.2, 0, 0) LIMIT ?"
        return [Hit(*row) for row in self.tables.execute(sql, (query, max(KS)))] if query else []

    def close(self):
        self.tables.close()


def answers(hit, evidence):
    if isinstance(evidence, str):
        return hit.id == evidence
    name, sentence = evidence
    return hit.document == name and " ".join(sentence.split()) in " ".join(hit.text.split())


Figure = collections.namedtuple("Figure", "kind language shares reciprocal ms")


def figure(user, question, hits, ms=0.0):
    shares = [sum(any(answers(hit, one) for hit in hits[:k]) for one in question.evidence) / len(question.evidence) for k in KS]
    rank = next((place for place, hit in enumerate(hits, 1) if any(answers(hit, one) for one in question.evidence)), 0)
    return Figure(question.kind, user.language, shares, 1 / rank if rank else 0, ms)


def asked(way, users):
    """A figure for each question."""
    figures = []
    for user in users:
        way.add(user)
        for question in user.questions:
            began = time.perf_counter()
            hits = way.search(user, question)
            figures.append(figure(user, question, hits, (time.perf_counter() - began) * 1000))
    return figures


def summed(figures):
    told = {f"R@{k}": 100 * statistics.mean(one.shares[place] for one in figures) for place, k in enumerate(KS)}
    told["MRR"] = statistics.mean(one.reciprocal for one in figures)
    told["ms"] = statistics.median(one.ms for one in figures)
    return told


def show(name, told):
    numbers = "".join(f"{value:9.3f}" if what == "MRR" else f"{value:9.1f}" for what, value in told.items())
    print(f"{name:38}{numbers}")


def both(binary, how, users):
    """The figures of the two ways on the same users, and what took part in ours."""
    with tempfile.TemporaryDirectory(prefix="jarkeeper-bench-") as folder:
        ways = {"Jarkeeper": Ours(binary, Path(folder), how), "FTS5 with neighbours": Theirs()}
        try:
            return {name: asked(way, users) for name, way in ways.items()}, ways["Jarkeeper"].signals
        finally:
            for way in ways.values():
                way.close()


def compared(figures, title, signals):
    """Prints the head, both ways and their ratio; what they came to."""
    print(f"{title}; signals: {', '.join(signals)}; SQLite {sqlite3.sqlite_version}\n")
    print(f"{'':38}" + "".join(f"{what:>9}" for what in [*(f"R@{k}" for k in KS), "MRR", "ms"]))
    told = [summed(one) for one in figures.values()]
    for name, one in zip(figures, told):
        show(name, one)
    mine, theirs = told
    print(f"{'ratio':38}" + "".join(f"{mine[what] / theirs[what]:9.2f}" if theirs[what] else f"{'-':>9}" for what in mine))
    return mine


def measure(binary, path, how):
    """A file of the form of the shared conversations."""
    users = list(conversations(path))
    figures, signals = both(binary, how, users)
    chosen = {name: [one for one in every if one.kind in ANSWERABLE] for name, every in figures.items()}
    count = len(chosen["Jarkeeper"])
    mine = compared(chosen, f"{count} questions that the conversations answer ({path.name})", signals)
    for kind, name in KINDS.items():
        if some := [one for one in figures["Jarkeeper"] if one.kind == kind]:
            show(f"  Jarkeeper, {name} ({len(some)})", summed(some))
    print()
    for what, aim in AIMS.items():
        print(f"aim {what} {aim}: {'met' if mine[what] >= aim else 'NOT MET'} ({mine[what]:.3f})")


def measure_own(binary, how):
    """The own questions, by language and by kind."""
    users = list(worlds())
    figures, signals = both(binary, how, users)
    count = len(figures["Jarkeeper"])
    compared(figures, f"{count} own questions in {len(users)} languages (benches/questions)", signals)
    print(f"\n{'':24}{'':10}{'R@10':>9}{'FTS5':>9}{'MRR':>9}{'FTS5':>9}")
    groups = [(name, lambda one, code=code: one.language == code) for code, name in own.LANGUAGES.items()]
    groups += [(kind, lambda one, kind=kind: one.kind == kind) for kind in own.KINDS]
    for name, fits in groups:
        mine, theirs = (summed([one for one in every if fits(one)]) for every in figures.values())
        number = sum(map(fits, figures["Jarkeeper"]))
        print(f"  {name:22}{f'({number})':10}{mine['R@10']:9.1f}{theirs['R@10']:9.1f}{mine['MRR']:9.3f}{theirs['MRR']:9.3f}")


def ablation(sets):
    """What each part of the ranking adds. `sets`: name -> users."""
    # What is built for tests finds the same, and is there already.
    program = ["cargo", "bench", "--quiet", "--profile", "dev", "--bench", "recall", "--"]
    told = {}
    for name, users in sets.items():
        given = [
            {
                "user": user.name,
                "turns": [interaction(turn) | {"id": turn.id, "speaker": turn.speaker} for turn in user.turns],
                "questions": [{"id": one.id, "text": one.text, "now": one.now} for one in user.questions],
            }
            for user in users
        ]
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as job:
            json.dump({"users": given}, job)
            job.flush()
            done = subprocess.run([*program, job.name], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"benches/recall.rs stopped:\n{done.stderr[-2000:]}")
        known = {(user.name, one.id): (user, one) for user in users for one in user.questions}
        for line in done.stdout.splitlines():
            found = json.loads(line)
            user, question = known[found["user"], found["question"]]
            hits = [Hit(id, None, "") for id in found["hits"]]
            told.setdefault(found["variant"], {}).setdefault(name, []).append(figure(user, question, hits))
    print("\nWhat each part of the ranking adds: the same without it, and the difference.\n")
    print(f"{'':34}" + "".join(f"{name + ' R@10':>24}{'MRR':>16}" for name in sets))
    whole = None
    for variant, figures in told.items():
        here = {name: summed(every) for name, every in figures.items()}
        whole = whole or here
        cells = ""
        for name in sets:
            for what, form, width in (("R@10", ".1f", 16), ("MRR", ".3f", 8)):
                gap = here[name][what] - whole[name][what]
                cells += f"{here[name][what]:>{width}{form}}" + (f"{gap:>+8{form}}" if here is not whole else f"{'':8}")
        print(f"  {variant:32}{cells}")


def without_documents(users, kinds=None):
    """The same users, with the questions that what was said answers."""
    chosen = lambda one: one.kind in kinds if kinds else one.kind != "document"
    return [user._replace(documents={}, questions=[one for one in user.questions if chosen(one)]) for user in users]
