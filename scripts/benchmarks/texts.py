"""Turns and questions for the benches of many memories. The same seed gives the same ones."""

import collections
import datetime
import itertools
import random
import re

import questions


class Texts:
    """Words as frequent as those of a language, and the own questions of `benches/questions`."""

    FIRST = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)

    def __init__(self):
        every = questions.worlds()
        self.own = [turn[4] for world in every for turn in world.turns.values()]
        self.asked = [one["question"] for world in every for one in world.questions]
        # Words of people first, those of English as frequent as they are there; then a long tail of made ones.
        english = [text for world in every if world.language == "en" for text in self.said(world)]
        latin = [text for world in every if world.language in ("de", "es") for text in self.said(world)]
        counted = [collections.Counter(re.findall(r"\w+", " ".join(texts).lower())) for texts in (english, latin)]
        known = dict.fromkeys(word for counts in counted for word, _ in counts.most_common())
        dice = random.Random(6)
        syllables = [a + b + c for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "ai", "ou") for c in ("", "n", "r", "s", "l")]
        made = {"".join(dice.choices(syllables, k=dice.choice((1, 2, 2, 3)))) for _ in range(40_000)}
        tail = sorted(made - set(known))
        dice.shuffle(tail)
        self.words = [*known, *tail]
        self.weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(self.words))))
        # What questions are not about.
        self.common = set(self.words[:80])

    @staticmethod
    def said(world):
        return [turn[4] for turn in world.turns.values()] + list(world.documents.values())

    def turns(self, user, count):
        """Interactions as the API takes them: sessions of twenty, a day apart, one turn in ten of the own ones."""
        dice = random.Random(f"turns of {user}")
        for number in range(count):
            at = self.FIRST + datetime.timedelta(days=number // 20 % 700, seconds=30 * number)
            yield {
                "text": self.turn(dice),
                "role": "assistant" if number % 2 else "user",
                "speaker": "Robin" if number % 2 else "Noor",
                "session": f"s{number // 20}",
                "occurred_at": at.isoformat().replace("+00:00", "Z"),
            }

    def turn(self, dice):
        if dice.random() < 0.1:
            return dice.choice(self.own)
        words = dice.choices(self.words, cum_weights=self.weights, k=min(40, 5 + int(dice.expovariate(1 / 12))))
        return " ".join(words).capitalize() + "."

    def question(self, dice):
        """Mostly the rarer words of what might have been said, with words that questions have."""
        if dice.random() < 0.2:
            return dice.choice(self.asked)
        words = dice.choices(self.words, cum_weights=self.weights, k=8)
        rare = [word for word in words if word not in self.common][: dice.choice((2, 3, 4))]
        return dice.choice(("What did Noor say about ", "When was ", "Who has the ", "What do I know of ")) + " and ".join(rare) + "?"
