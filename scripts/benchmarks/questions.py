#!/usr/bin/env python3
"""The own questions of `benches/questions`: reads them, and checks that they are what their README says.

Run by itself it checks, and says what there is; `scripts/bench recall` reads them. What it checks: 25 questions a language in fixed shares
of kinds, ids that come once, moments in order, evidence that exists (a sentence stands in its document, on one line, once), and that a
paraphrase shares no word with what answers it but the names of people.
"""

import collections
import datetime
import json
import sys
import unicodedata
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent / "benches" / "questions"
# Languages in the order in which they are shown.
LANGUAGES = {
    "en": "English", "de": "German", "es": "Spanish", "ru": "Russian",
    "zh": "Chinese", "ja": "Japanese", "ar": "Arabic", "hi": "Hindi",
}
# How many of each kind a language has.
KINDS = {"paraphrase": 8, "preference": 6, "date": 6, "document": 5}
# Seconds between two turns of a session.
PACE = 40
# Words that stand in every question, and tell nothing of what it asks for.
COMMON = set(
    "what which where when with that this have from they their would could your about into were does there "
    "welche welcher welches dieser jetzt nicht über unter beim seine ihrer wurde haben hatte "
    "para como cuando donde quién cuál esta este estaba porque "
    "какая какой какую какие почему когда чтобы которая который была было "
    "क्या किस किसने किसी कैसे क्यों नहीं अपने अपनी अपना लेकिन जिस "
    "ماذا كيف لماذا الذي التي على إلى".split()
)


class World:
    """One language: what was said, the documents, and the questions."""

    def __init__(self, language, folder=FOLDER):
        told = json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
        self.language, self.user, self.speakers = told["language"], told["user"], told["speakers"]
        self.names, self.questions = set(told["names"]), told["questions"]
        self.documents = {name: (folder / "documents" / name).read_text(encoding="utf-8") for name in told["documents"]}
        # Id -> (speaker or none, role, session, moment, text), in the order in which it was said.
        self.turns = {}
        for session in told["sessions"]:
            began = moment(session["began"])
            for place, turn in enumerate(session["turns"]):
                speaker = self.speakers[turn["by"]]
                at = (began + datetime.timedelta(seconds=PACE * place)).isoformat().replace("+00:00", "Z")
                if turn["id"] in self.turns:
                    raise SystemExit(f"{language}: the id {turn['id']} comes twice; give each turn one of its own")
                self.turns[turn["id"]] = (speaker["name"], speaker["role"], session["id"], at, turn["text"])


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def worlds(folder=FOLDER):
    return [World(language, folder) for language in LANGUAGES]


def pieces(text):
    """What two texts share where they share a word: beginnings of words, and pairs of neighbours where words have no spaces."""
    found, run = set(), ""
    for sign in text.casefold() + " ":
        if unicodedata.category(sign)[0] in "LMN":
            run += sign
            continue
        if run and any(unicodedata.name(letter, "").startswith(("CJK", "KATAKANA")) for letter in run):
            dense = [("" if unicodedata.name(letter, "").startswith("HIRAGANA") else letter) for letter in run]
            found |= {one + other for one, other in zip(dense, dense[1:]) if one and other}
        elif run not in COMMON:
            word = run.removeprefix("ال") if len(run) > 5 else run
            if len(word) >= 4:
                found.add(word[:5])
        run = ""
    return found


def mistakes(world):
    """What is wrong with one language, as sentences."""
    kinds = collections.Counter(one["kind"] for one in world.questions)
    if dict(kinds) != KINDS:
        yield f"has {dict(kinds)} and not {KINDS}"
    if not 60 <= len(world.turns) <= 100:
        yield f"has {len(world.turns)} turns, and not 60 to 100"
    moments = [turn[3] for turn in world.turns.values()]
    if moments != sorted(moments):
        yield "has turns that are not in the order of their times"
    ids = collections.Counter(one["id"] for one in world.questions)
    yield from (f"has the id {id} {count} times" for id, count in ids.items() if count > 1)
    texts = collections.Counter([turn[4] for turn in world.turns.values()] + [one["question"] for one in world.questions])
    yield from (f"says this {count} times: {text}" for text, count in texts.items() if count > 1)
    names = set().union(*(pieces(name) for name in world.names))
    for one in world.questions:
        evidence = one["evidence"]
        if moment(one["asked_at"]) <= moment(moments[-1]):
            yield f"{one['id']} is asked before everything was said"
        if one["kind"] == "document":
            document = world.documents.get(evidence["document"], "")
            lines = [line for line in document.splitlines() if evidence["sentence"] in line]
            if len(lines) != 1:
                yield f"{one['id']}: its sentence stands on {len(lines)} lines of {evidence['document']}"
            continue
        if not evidence["turns"] or not set(evidence["turns"]) <= set(world.turns):
            yield f"{one['id']} names turns that there are not: {evidence['turns']}"
        elif one["kind"] == "paraphrase":
            answers = set().union(*(pieces(world.turns[id][4]) for id in evidence["turns"]))
            if shared := (pieces(one["question"]) & answers) - names:
                yield f"{one['id']} shares with what answers it: {', '.join(sorted(shared))}"


def check(every):
    wrong = [f"{LANGUAGES[world.language]} {mistake}" for world in every for mistake in mistakes(world)]
    files = {path.name for path in (FOLDER / "documents").iterdir()}
    named = {name for world in every for name in world.documents}
    wrong += [f"no language names the document {name}" for name in sorted(files - named)]
    if wrong:
        raise SystemExit("\n".join(["benches/questions is not as its README says:", *wrong]))


def main():
    every = worlds()
    check(every)
    print(f"{'':12}{'turns':>8}{'documents':>12}{'questions':>12}")
    for world in every:
        print(f"{LANGUAGES[world.language]:12}{len(world.turns):>8}{len(world.documents):>12}{len(world.questions):>12}")
    turns, documents, asked = (sum(len(getattr(world, what)) for world in every) for what in ("turns", "documents", "questions"))
    print(f"{'all':12}{turns:>8}{documents:>12}{asked:>12}")


if __name__ == "__main__":
    sys.exit(main())
