"""A conversation as data: what is wanted, what was said and answered. Nothing in it changes; undoing is leaving out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

Intent = Literal[
    "ask", "critique", "choose", "explain", "question", "undo", "change", "tell", "draw", "recommend", "identify",
    "personalise", "steer",
]  # fmt: skip
INTENTS: tuple[Intent, ...] = get_args(Intent)
Kind = Literal["model", "picture"]


@dataclass(frozen=True, slots=True)
class Change:
    """One wish beside what there is: more (or less) of `towards`, and so less of `away` where that is known."""

    towards: str
    away: str = ""
    more: bool = True

    @property
    def words(self) -> str:
        return self.towards if self.more else f"less {self.towards}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person is after: words, a picture to be like, what should be otherwise, and which models may answer."""

    words: str = ""
    picture: str | None = None
    changes: tuple[Change, ...] = ()
    base: str | None = None
    tags: tuple[str, ...] = ()
    without_models: tuple[str, ...] = ()
    slate: str = ""
    """The variations that wait for one to be picked: which steering, and which of its turns."""

    @property
    def prompt(self) -> str:
        """The words to draw."""
        more = (change.towards for change in self.changes if change.more)
        parts = (self.words, *(towards for towards in more if towards not in self.words.lower()))
        return ", ".join(part for part in parts if part)

    @property
    def negative(self) -> str:
        """What is not to be drawn."""
        return ", ".join(change.towards for change in self.changes if not change.more)

    @property
    def told(self) -> str:
        """What is wanted in words, as an answer says it; "" where a picture alone says it."""
        less = f"less {self.negative[:80]}" if self.negative else ""
        return ", ".join(part for part in (f"“{self.prompt[:80]}”" if self.prompt else "", less) if part)

    @property
    def anything(self) -> bool:
        return bool(self.words or self.picture or self.changes)

    def but(self, changes: Sequence[Change]) -> Wanted:
        """With these changes; a later one replaces what it contradicts or repeats."""
        new = [{change.towards, change.away} - {""} for change in changes]
        kept = [old for old in self.changes if not any({old.towards, old.away} & words for words in new)]
        return replace(self, changes=(*kept, *changes))


@dataclass(frozen=True, slots=True)
class Thing:
    """A model or a picture that was shown; its number is its place among those of its kind."""

    kind: Kind
    id: str
    name: str
    score: float = 0.0
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence, and the ids of what it rests on. One that rests on nothing is not said."""

    text: str
    rests_on: tuple[str, ...]
    quotes: tuple[str, ...] = ()
    """Strangers' words in it (names, prompts): no language model is shown them as part of a sentence."""


@dataclass(frozen=True, slots=True)
class Question:
    """What would tell most about the goal, and what may be answered."""

    text: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: sentences with their grounds, things by number, and who worded it."""

    claims: tuple[Claim, ...] = ()
    models: tuple[Thing, ...] = ()
    pictures: tuple[Thing, ...] = ()
    question: Question | None = None
    notes: tuple[str, ...] = ()
    """What could not be done, said plainly: no claim about things here."""
    tools: tuple[str, ...] = ()
    writer: str = "offline"
    fallback: str | None = None
    """Why the language model that was set did not write this."""

    @property
    def text(self) -> str:
        said = [*(claim.text for claim in self.claims), *self.notes]
        return " ".join([*said, self.question.text] if self.question else said)


@dataclass(frozen=True, slots=True)
class Back:
    """How what an exchange did for good is taken back: pictures to skip, words to want again or no more, a slate."""

    skip: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    slate: str = ""
    """Variations that wait for an answer again."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One thing said, how it was understood, what was wanted after it, and the answer."""

    number: int
    said: str
    intent: Intent
    wanted: Wanted
    reply: Reply
    back: Back | None = None

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        del told["back"]
        told["wanted"] |= {"prompt": self.wanted.prompt, "negative": self.wanted.negative}
        told["reply"]["text"] = self.reply.text
        return told


def exchange_of(told: Mapping[str, Any]) -> Exchange:
    """An exchange again from `asdict`, which a database or a file has kept."""
    wanted, reply, back = told["wanted"], told["reply"], told["back"]
    asked = reply["question"]
    return Exchange(
        told["number"],
        told["said"],
        told["intent"],
        Wanted(**{**_tuples(wanted), "changes": tuple(Change(**change) for change in wanted["changes"])}),
        Reply(
            **{
                **_tuples(reply),
                "claims": tuple(Claim(**_tuples(claim)) for claim in reply["claims"]),
                "models": tuple(Thing(**thing) for thing in reply["models"]),
                "pictures": tuple(Thing(**thing) for thing in reply["pictures"]),
                "question": None if asked is None else Question(**_tuples(asked)),
            }
        ),
        None if back is None else Back(**_tuples(back)),
    )


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


@dataclass(frozen=True, slots=True)
class Talk:
    """Everything that still holds of a conversation with one person, oldest first."""

    person: str
    exchanges: tuple[Exchange, ...] = field(default=())

    @property
    def wanted(self) -> Wanted:
        return self.exchanges[-1].wanted if self.exchanges else Wanted()

    @property
    def question(self) -> Question | None:
        return self.exchanges[-1].reply.question if self.exchanges else None

    def shown(self, kind: Kind) -> tuple[Thing, ...]:
        """What the last answer that showed any of this kind showed."""
        for exchange in reversed(self.exchanges):
            things = exchange.reply.models if kind == "model" else exchange.reply.pictures
            if things:
                return things
        return ()

    def after(self, exchange: Exchange) -> Talk:
        return replace(self, exchanges=(*self.exchanges, exchange))

    def undone(self) -> Talk:
        """Without the last exchange: what was wanted and shown before holds again."""
        return replace(self, exchanges=self.exchanges[:-1])
