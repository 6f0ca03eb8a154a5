"""Turns and questions for the benches of many memories. The same seed gives the same ones."""

import datetime
import itertools
import random

import questions


class Texts:
    """Words as frequent as those of a language, and the own questions of `benches/questions`."""

    COMMON = (
        "the I to and a you it of that in is my was for have on with not we be this at so me but are do what just like can had "
        "they she he about from her him would when your all there out one think go went know if up really very last time day week"
    ).split()
    FIRST = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)

    def __init__(self):
        dice = random.Random(6)
        syllables = [a + b + c for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "ai", "ou") for c in ("", "n", "r", "s", "l")]
        made = {"".join(dice.choices(syllables, k=dice.choice((1, 2, 2, 3)))) for _ in range(40_000)}
        self.words = self.COMMON + sorted(made - set(self.COMMON), key=lambda _: dice.random())
        weights = [1 / (rank + 2.7) for rank in range(len(self.words))]
        self.weights = list(itertools.accumulate(weights))
        every = questions.worlds()
        self.own = [turn[4] for world in every for turn in world.turns.values()]
        self.asked = [one["question"] for world in every for one in world.questions]

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
        rare = [word for word in words if word not in self.COMMON][: dice.choice((2, 3, 4))]
        return dice.choice(("What did Noor say about ", "When was ", "Who has the ", "What do I know of ")) + " and ".join(rare) + "?"
