"""Random sequences of what the repositories can do, run on two stores: the same answers, whatever keeps the rows.

A sequence is one transaction; most are rolled back, so that a hundred thousand of them meet many states at a few
milliseconds each, and some are kept. What a database decides by itself (a choice's number, a time) is not compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, StatementError

from palate.catalogue import choices, conversations, models, pictures, vectors
from palate.catalogue.conversations import Candidate, Conversation, Stated, Turn
from palate.catalogue.database import Database
from palate.catalogue.records import Credit, Drawing, FileSeen, Model, Picture, Prompt
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.jobs import tasks
from palate.jobs.tasks import LeaseLostError, Task
from palate.people import holdings, persons

KEPT = 0.2
"""How many of the sequences are committed."""
LONGEST = 20
FILLING = ("put models", "put a drawing", "put files", "put vectors", "choose", "begin a conversation", "plan", "hold")
"""What a sequence begins with, so that there is something to ask about."""
SPACES = [Space("clip", "a-clip", 3, reads_words=True), Space("dino", "a-dino", 3, reads_words=False)]
TEXTS = [
    "",
    "a fox",
    "A FOX",
    "a%f_x",
    "Ärger",
    "ärger",
    "zebra",
    "\ud800 lone",
    "nul \x00",
    "\ufdd0",
    "e\u0301",
    "\U0001f98a",
]
NAMES = ["Ink", "ink", "Wash", "%", "__", "Ölfarbe"]
PEOPLE = ["ada", "bob", "me"]
PATHS = ["/Art/a.png", "/art/a.png", "/art/b.png", "/art_b/c.png", "/art%/d.png"]

Operation = Callable[["Some", Connection], Any]


@dataclass
class Some:
    """What an operation is given: chance, and what it may be about. Few of each, so that they meet again."""

    chance: random.Random
    held: list[tuple[str, Task]]
    """Tasks that were claimed in this sequence, and by whom."""

    def one(self, of: Sequence[Any]) -> Any:
        return self.chance.choice(of)

    def id(self, kind: str, count: int = 6) -> str:
        return f"{kind}{self.chance.randrange(count):04d}"

    def maybe(self, of: Sequence[Any]) -> Any:
        return self.chance.choice([None, *of])

    def model(self) -> Model:
        return Model(
            self.id("m"),
            self.one(NAMES),
            self.one(["adapter", "pipeline"]),
            self.one(PATHS),
            base=self.maybe(["SD15", "SDXL"]),
            tags=tuple(self.chance.sample(NAMES, 2)),
            downloads=self.maybe([0, 7, 2**40]),
            licence=self.maybe(TEXTS),
            card={"said": self.one(TEXTS), "n": self.chance.random()},
        )

    def prompt(self) -> Prompt:
        return Prompt(
            self.one(TEXTS), self.one(["", "blur"]), self.maybe(["animal"]), {"steps": self.chance.randrange(3)}
        )

    def picture(self) -> Picture:
        side = self.chance.randrange(64)
        return Picture(
            self.id("p"), side, 64, "PNG", 10, self.one(["ok", "degenerate", "missing"]), self.chance.random() < 0.5
        )

    def drawing(self) -> Drawing:
        credits = [Credit(self.one(NAMES), "adapter", self.one([0.0, 0.5, 1.0]), None, self.maybe([self.id("m")]))]
        credits += [Credit(self.one(NAMES), "checkpoint", model_id=self.id("m"), matched="name")]
        seed = self.maybe([0, 7, 2**70])
        return Drawing(self.id("d"), self.id("p"), self.one(["drawn", "imported"]), tuple(credits), self.prompt(), seed)

    def unit(self, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        rows = np.array([[self.chance.gauss(0, 1) for _ in range(3)] for _ in range(count)], dtype=np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def turn(self) -> Turn:
        made = [
            Candidate(self.one(TEXTS), "style", self.chance.random(), 0.5, self.maybe([0, 1, 2]), (self.id("p"),))
            for _ in range(3)
        ]
        state = self.one(["open", "picked", "none"])
        return Turn(
            self.chance.randrange(3), self.one(TEXTS), "", "offline", None, tuple(made), state, self.maybe([0, 1])
        )


def _put_drawing(some: Some, connection: Connection) -> None:
    """With what it speaks of, most of the time; else the database refuses it."""
    drawing = some.drawing()
    if some.chance.random() < 0.9:
        models.put(connection, [Model(m, m, "listed", m) for credit in drawing.credits if (m := credit.model_id)])
        pictures.put(connection, [Picture(drawing.picture_id)])
    pictures.put_drawings(connection, [drawing])


def _put_vectors(some: Some, connection: Connection) -> None:
    space = some.one(SPACES)
    vectors.put_space(connection, space)
    ids = list(dict.fromkeys(some.id("p") for _ in range(3)))
    vectors.put(connection, space, some.one(["picture", "prompt"]), ids, some.unit(len(ids)))


def _load(some: Some, connection: Connection) -> list[Any]:
    ids = some.maybe([[some.id("p"), some.id("p")]])
    found, rows = vectors.load(connection, some.one(SPACES), some.one(["picture", "prompt"]), ids)
    return [found, rows.tobytes().hex()]


def _likes(some: Some, connection: Connection) -> None:
    kind = some.one(["like", "dislike", "select", "undo", "pause", "resume", "adore"])
    payload = {"picture": some.id("p"), "said": some.one(TEXTS), "turn": some.maybe([1])}
    choices.append(connection, choices.Choice(some.one(PEOPLE), kind, payload))


def _forget_choices(some: Some, connection: Connection) -> None:
    own = choices.of_person(connection, some.one(PEOPLE))
    choices.forget(connection, [choice.sequence for choice in own[:: some.chance.choice((1, 2))]])


def _new_choices_come_last(some: Some, connection: Connection) -> bool:
    """A number is never given twice, though the latest choice was forgotten."""
    last = conversations.last_choice(connection)
    _forget_choices(some, connection)
    choices.append(connection, choices.Choice(some.one(PEOPLE), "like", {}))
    return conversations.last_choice(connection) > last


def _converse(some: Some, connection: Connection) -> None:
    model = some.maybe([some.id("m")])
    begun = Conversation(some.id("c"), some.one(PEOPLE), some.one(TEXTS), model, some.chance.randrange(2**40))
    conversations.put(connection, begun)


def _plan(some: Some, connection: Connection) -> str:
    work = [Task(some.id("t"), some.one(["g", "h"]), {"said": some.one(TEXTS)}) for _ in range(4)]
    once = list({task.key: task for task in work}.values())
    return tasks.plan(connection, "draw", {"plan": some.chance.randrange(2)}, once)


def _job(some: Some, connection: Connection) -> str:
    return tasks.plan(connection, "draw", {"plan": some.chance.randrange(2)}, [])


def _claim(some: Some, connection: Connection) -> list[Any]:
    """Whoever finds nothing left takes over what the gone held: by itself where several work, here for one as well."""
    owner, job = some.one("vw"), _job(some, connection)
    if not tasks.states(connection, job).get("planned"):
        tasks.release_all(connection)
    claimed = tasks.claim(connection, job, owner, some.chance.randrange(1, 4))
    some.held += [(owner, task) for task in claimed]
    return [asdict(task) for task in claimed]


def _end(how: Callable[..., None]) -> Operation:
    def end(some: Some, connection: Connection) -> str:
        if not some.held:
            return "none"
        owner, task = some.held.pop(some.chance.randrange(len(some.held)))
        try:
            how(connection, task, owner, *(["no"] if how is tasks.fail else []))
        except LeaseLostError:
            return "lost"
        return "ended"

    return end


def _retry(some: Some, connection: Connection) -> int:
    return tasks.retry_parked(connection, _job(some, connection))


def _said(call: Callable[..., Any], *kinds: str) -> Operation:
    """A repository's question about some things of these kinds."""
    given: dict[str, Callable[[Some], Any]] = {
        "model": lambda s: s.id("m"),
        "name": lambda s: s.one([*NAMES, s.id("m"), "m000"]),
        "picture": lambda s: s.one([s.id("p"), "p000", "P000"]),
        "pictures": lambda s: [s.id("p"), s.id("p")],
        "drawing": lambda s: s.id("d"),
        "drawings": lambda s: [s.id("d"), s.id("d")],
        "conversation": lambda s: s.id("c"),
        "person": lambda s: s.one(PEOPLE),
        "text": lambda s: s.one(TEXTS),
        "side": lambda s: s.chance.randrange(70),
        "spaces": lambda s: [s.one(SPACES).id],
        "space": lambda s: s.one(SPACES).id,
        "path": lambda s: s.one(PATHS),
    }

    def ask(some: Some, connection: Connection) -> Any:
        answer = call(connection, *(given[kind](some) for kind in kinds))
        return list(answer) if isinstance(answer, Iterator) else answer

    return ask


QUESTIONS: dict[str, Operation] = {
    "model stamps": _said(models.stamps),
    "last scan": _said(models.last_scan, "path"),
    "models": _said(models.listed),
    "a model": _said(models.get, "model"),
    "a model by name": _said(models.named, "name"),
    "other places": _said(pictures.other_places, "pictures"),
    "file stamps": lambda s, c: pictures.file_stamps(c, s.maybe(["/art", "/Art", "/art%"])),
    "a picture": _said(pictures.get, "picture"),
    "originals": _said(pictures.originals, "picture"),
    "drawings of": _said(pictures.drawings_of, "picture"),
    "unmatched": _said(pictures.unmatched),
    "evidence": _said(pictures.evidence),
    "without vector": _said(pictures.without_vector, "spaces"),
    "prompts without vector": _said(pictures.prompts_without_vector, "spaces"),
    "prompts": _said(pictures.prompts),
    "any larger": _said(pictures.any_larger, "side"),
    "counts": _said(pictures.counts),
    "of a model": lambda s, c: pictures.of_model(c, s.id("m"), limit=2),
    "makers": _said(pictures.makers, "pictures"),
    "prompts of text": _said(pictures.prompts_of_text, "text"),
    "of drawings": _said(pictures.of_drawings, "drawings"),
    "shown elsewhere": lambda _, c: sorted(pictures.models_shown_elsewhere(c)),
    "load vectors": _load,
    "spaces": _said(vectors.spaces),
    "filled spaces": _said(vectors.filled_spaces),
    "same spaces": _said(vectors.same_spaces, "space"),
    "choices": _said(choices.of_person, "person"),
    "likings": _said(choices.likings),
    "liked": _said(choices.liked_pictures, "person"),
    "disliked": _said(choices.disliked_pictures, "person"),
    "a conversation": _said(conversations.get, "conversation", "person"),
    "conversations": _said(conversations.of_person, "person"),
    "turns": _said(conversations.turns_of, "conversation"),
    "a taste": _said(conversations.stated, "person"),
    "may see": _said(holdings.may_see, "person", "picture"),
    "drawn for": lambda s, c: holdings.drawn_for(c, s.id("e")),
    "held by": lambda s, c: sorted(holdings.held_by(c, s.one(PEOPLE))),
    "drawings seen": _said(holdings.drawings_seen, "person", "picture"),
    "room taken": _said(holdings.room_taken, "person"),
    "persons": lambda _, c: sorted(person.name for person in persons.listed(c)),
}
CHANGES: dict[str, Operation] = {
    "put models": lambda s, c: models.put(c, [s.model()]),
    "put model files": lambda s, c: models.put_files(c, [(s.one(PATHS), s.id("m"), s.chance.randrange(2**50), 1)]),
    "a scan": lambda s, c: models.put_scan(c, s.one(PATHS), s.chance.randrange(2**60)),
    "a model's state": lambda s, c: models.set_state(c, s.id("m"), "changed", s.one(TEXTS)),
    "supersede": lambda s, c: models.supersede(c, [s.model()]),
    "put pictures": lambda s, c: pictures.put(c, [s.picture()]),
    "put files": lambda s, c: pictures.put_files(c, [FileSeen(s.one(PATHS), s.id("p"), s.chance.randrange(2**50), 1)]),
    "forget files": lambda s, c: pictures.forget_files(c, [s.one(PATHS)]),
    "put prompts": lambda s, c: pictures.put_prompts(c, [s.prompt(), s.prompt()]),
    "put a drawing": _put_drawing,
    "a picture's state": lambda s, c: pictures.set_state(c, s.id("p"), "missing"),
    "put vectors": _put_vectors,
    "proven same": _said(vectors.proven_same, "space", "space"),
    "choose": _likes,
    "forget choices": _forget_choices,
    "new choices come last": _new_choices_come_last,
    "begin a conversation": _converse,
    "put a turn": lambda s, c: conversations.put_turn(c, s.id("c"), s.turn()),
    "go to": lambda s, c: conversations.set_current(c, s.id("c"), s.chance.randrange(3)),
    "put columns": lambda s, c: conversations.put_pictures(c, s.id("c"), 1, {0: [s.id("p")]}),
    "say a taste": lambda s, c: conversations.put_stated(c, s.one(PEOPLE), Stated({s.one(TEXTS): s.chance.random()})),
    "forget a person": _said(conversations.forget, "person"),
    "plan": _plan,
    "claim": _claim,
    "complete": _end(tasks.complete),
    "fail": _end(tasks.fail),
    "give back": _end(tasks.give_back),
    "release all": _said(tasks.release_all),
    "retry": _retry,
    "states": lambda s, c: tasks.states(c, _job(s, c)),
    "task errors": lambda s, c: tasks.errors(c, _job(s, c)),
    "hold": lambda s, c: holdings.hold(c, s.one(PEOPLE), s.id("e"), [s.id("d"), s.id("d", 5)]),
    "make a person": lambda s, c: persons.make(
        c, s.one(NAMES), s.one(["owner", "guest", "king"]), None, id=s.one(PEOPLE)
    ),
}
OPERATIONS = {**QUESTIONS, **CHANGES}


def answers(database: Database, seed: int, count: int, *, first: int = 0) -> Iterator[tuple[str, Any]]:
    """Every operation of so many sequences, and what this store answers to it."""
    with database.engine.connect() as connection:
        _remember_statements(connection)
        for number in range(first, first + count):
            chance = random.Random(f"{seed} {number}")
            some = Some(chance, [])
            with connection.begin() as transaction:
                if database.shared:
                    _tell(connection, "BEGIN")  # which psycopg says only before a first question of its own
                for place in range(chance.randrange(6, LONGEST)):
                    name = chance.choice(FILLING if place < 4 else tuple(OPERATIONS))
                    before = chance.getstate()
                    yield f"{number}: {name}", _answer(some, connection, name)
                    _same_chance_after_errors(some, before)
                if chance.random() >= KEPT:
                    _tell(connection, "ROLLBACK")
                    transaction.rollback()


def _remember_statements(connection: Connection) -> None:
    """All statements stay prepared: more of them are met here than psycopg keeps."""
    if connection.dialect.name == "postgresql":
        raw: Any = connection.connection.driver_connection
        raw.prepared_max = 10 * len(OPERATIONS)


def _tell(connection: Connection, words: str) -> None:
    """What begins and ends a step, said to the driver itself: a third of the time of a run.

    SQLAlchemy compiles a savepoint anew each time, and psycopg forgets every prepared statement at a rollback that it
    hears of.
    """
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name != "postgresql":
        raw.execute(words)
    elif (result := raw.pgconn.exec_(words.encode())).error_message:
        raise RuntimeError(f"{words}: {result.error_message.decode()}")


def _same_chance_after_errors(some: Some, before: Any) -> None:
    """An operation that fails early draws fewer random numbers than one that fails late: begin from one place again."""
    some.chance.setstate(before)
    some.chance.random()


def _answer(some: Some, connection: Connection, name: str) -> Any:
    """What came of it. A change that fails takes nothing else of its transaction with it; a question never fails."""
    if name in QUESTIONS:
        try:
            return plain(QUESTIONS[name](some, connection))
        except PalateError as error:
            return f"refused: {error.code}"
    _tell(connection, "SAVEPOINT step")  # and none is released: a later one of the name hides it
    try:
        return plain(CHANGES[name](some, connection))
    except PalateError as error:
        answer = f"refused: {error.code}"
    except (DBAPIError, StatementError) as error:
        answer = f"the database refused: {type(error).__name__}"
    _tell(connection, "ROLLBACK TO SAVEPOINT step")
    return answer


@cache
def _compared(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in ("sequence", "at", "made"))


def plain(value: Any) -> Any:
    """What can be compared: no clock, and a choice's number only by the order that its neighbours give it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _compared(type(value))}
    if isinstance(value, dict):
        return [[plain(key), plain(part)] for key, part in sorted(value.items(), key=lambda pair: repr(pair[0]))]
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    return value


def first_difference(one: Database, other: Database, seed: int, count: int, *, first: int = 0) -> str | None:
    """Where two stores first answer differently, or None if they never do."""
    pairs = zip(answers(one, seed, count, first=first), answers(other, seed, count, first=first), strict=True)
    for (name, here), (_, there) in pairs:
        if here != there:
            return f"sequence {name}: {here!r} is not {there!r}"
    return None
