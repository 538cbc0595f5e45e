"""What goes in and out as JSON for one person: steering, what is believed of them, what is for them, talks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from palate.serve.shapes import Id, Job, Named, Picture, Reason, Row, Shape


class NewConversation(Shape):
    """Where it begins. `model` is an id; where none is said, the best for the words begins and others may take part."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    model: Id | None = None
    seed: Annotated[int, Field(ge=0, le=2**31)] | None = None
    """Of the pictures; any where none is said."""


class Answer(Shape):
    """To the slate of `turn`: a column from 0, or none; and in words what the next slate should have."""

    turn: Annotated[int, Field(ge=1, le=1000)]
    column: Annotated[int, Field(ge=0, le=3)] | None = None
    wish: Annotated[str, StringConstraints(max_length=2000)] = ""


class Back(Shape):
    """To this turn; to the one before where none is named."""

    turn: Annotated[int, Field(ge=1, le=1000)] | None = None


class Column(Shape):
    text: str
    category: str
    value: float
    """What it is expected to be worth to this person, and how uncertain that is."""
    doubt: float
    model: Named | None
    """Who draws it."""
    pictures: list[str]


class Turn(Shape):
    number: int
    parent: int | None
    """The turn that led here, by the column `via`, or without one."""
    via: int | None
    prompt: str
    wish: str
    writer: str
    fallback: str | None
    """Why the writer that was asked for did not write all of it."""
    state: Literal["open", "picked", "none"]
    picked: int | None
    columns: list[Column]


class ConversationCard(Shape):
    id: str
    prompt: str
    model: Named | None
    """The one it began with."""
    models: list[Named]
    """All that drew for it, in the order they came in."""
    turns: int
    picture: str | None
    """Of the column that was picked last."""


class Conversation(Shape):
    id: str
    prompt: str
    model: Named | None
    """The one it began with; each column names its own."""
    current: int | None
    """The number of the turn that the person is at."""
    turns: list[Turn]
    job: Job | None
    """What is drawing for it now, or was the last to: listen to its events."""


# -- what is believed --------------------------------------------------------------------------------------------


class Liking(Shape):
    """Words, how much pictures of them are expected to be worth, and how uncertain that is."""

    words: str
    worth: float
    doubt: float


class Taste(Shape):
    learned_from: int
    """Choices that taught something."""
    paused: bool
    said: dict[str, float]
    """What the person said themselves, from -1 to 1."""
    likes: list[Liking]
    dislikes: list[Liking]
    pictures: list[str]


Words = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Many = Annotated[list[Words], Field(max_length=50, default_factory=list)]


class TasteChange(Shape):
    """Words one wants more or less of, and words that are to count no more."""

    more: Many
    less: Many
    drop: Many


# -- for somebody ------------------------------------------------------------------------------------------------


class ForYouPicture(Shape):
    picture: Picture
    score: float
    reasons: list[Reason]


class ForYou(Shape):
    """Pictures or models that are here, whichever was asked for, best first."""

    by: str
    pictures: list[ForYouPicture]
    models: list[Row]
    took_ms: float
    warnings: list[str]


class Personalise(Shape):
    count: Annotated[int, Field(ge=1, le=16)] = 4
    seed: Annotated[int, Field(ge=0, le=2**31)] | None = None
    """Any where none is said."""
    by: Literal["janus", "hub"] | None = None
    """A network that draws straight from pictures, or this home's own models; as the home is set where none is said."""


# -- talking -----------------------------------------------------------------------------------------------------


class Saying(Shape):
    said: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    talk: Id | None = None
    """Which talk goes on; a new one begins where none is named."""


class Claim(Shape):
    """A sentence, and the ids of what it rests on (`model:...`, `picture:...`, `choice:...`)."""

    text: str
    rests_on: list[str]


class Thing(Shape):
    id: str
    name: str
    score: float


class Exchange(Shape):
    said: str
    intent: str
    """How it was understood."""
    prompt: str
    """What is wanted after it, in words, and what is not."""
    negative: str
    text: str
    claims: list[Claim]
    models: list[Thing]
    pictures: list[Thing]
    notes: list[str]
    question: str | None
    options: list[str]
    writer: str
    fallback: str | None
    """Why the language model that was set did not write this."""


class Said(Shape):
    talk: str
    exchange: Exchange


class TalkCard(Shape):
    id: str
    first: str
    """What was said first."""
    exchanges: int
    at: float


class Talk(Shape):
    talk: str
    exchanges: list[Exchange]
