"""A turn of somebody's conversation, written and drawn for them alone; what is drawn is told picture by picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from palate.catalogue import conversations
from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.conversations import Conversation, Turn
from palate.catalogue.home import Home
from palate.catalogue.records import Model, Prompt, digest
from palate.errors import PalateError
from palate.jobs.tasks import Task
from palate.serve.library import Library
from palate.settings import Settings
from palate.specify import orders
from palate.specify.ordering import wanted_settings
from palate.steer.steering import COLUMNS, PICTURES, Steering, taste_in

if TYPE_CHECKING:
    from palate.writers.variants import PromptWriter

SIZE = COLUMNS * PICTURES
Tell = Callable[[str, dict[str, object]], None]


@dataclass(frozen=True)
class Slate:
    """What is to be drawn for one turn: a task for each place, and the columns they stand in."""

    conversation: Conversation
    turn: Turn
    tasks: tuple[Task, ...]
    places: Mapping[str, tuple[int, int]]
    """Drawing id to column and row."""
    models: Mapping[str, Model]

    def drawn(self, home: Home) -> dict[tuple[int, int], str]:
        """Pictures that are there, by their place."""
        with home.read() as connection:
            found = picture_rows.of_drawings(connection, list(self.places))
        return {self.places[drawing]: picture for drawing, picture in found.items()}


def written(library: Library, writer: PromptWriter, conversation: Conversation, wish: str) -> Turn:
    """The turn that the person is at, if it waits for an answer; else the next, written to their taste as it is now."""
    home, encoder = library.studio.home, library.encoder()
    with home.read() as connection:
        conversation = conversations.get(connection, conversation.id, conversation.person)
        turns = conversations.turns_of(connection, conversation.id)
    current = next((turn for turn in turns if turn.number == conversation.current), None)
    if current is not None and current.state == "open":
        return current
    belief = taste_in(home, library.grounds, encoder, conversation.person).belief
    return Steering(home, library.grounds, encoder, writer, conversation, belief).next_turn(wish)


def planned(home: Home, settings: Settings, conversation: Conversation, turn: Turn) -> Slate:
    """Tasks model by model, so that each is loaded once, and row by row, so that soon each column shows something.

    The key says for whom it is, as with everything that is drawn for somebody.
    """
    with home.read() as connection:
        everything = model_rows.listed(connection)
    by_id = {model.id: model for model in everything}
    hands = [by_id.get(hand) for hand in hands_of(conversation, turn)]
    wanted = wanted_settings(settings)
    tasks, places = [], {}
    for row in range(PICTURES):
        for column, (candidate, model) in enumerate(zip(turn.slate, hands, strict=True)):
            if model is None:
                raise PalateError("unknown_model", "a model of this conversation is no longer here", about="model")
            seed = 1000 * conversation.seed + 1 + row
            prompt, base = Prompt(candidate.text, ""), orders.base_of(model, everything)
            task = orders.task_for(model, base, prompt, seed, wanted)
            task = Task(digest("for", conversation.person, task.key), task.group, task.payload)
            tasks.append(task)
            places[digest("drawing", task.key)] = (column, row)
    first = list(dict.fromkeys(task.group for task in tasks))
    tasks.sort(key=lambda task: first.index(task.group))
    return Slate(conversation, turn, tuple(tasks), places, by_id)


def hands_of(conversation: Conversation, turn: Turn) -> list[str]:
    """Who draws each column."""
    return [candidate.model_id or conversation.model_id or "" for candidate in turn.slate]


def keep_drawn(home: Home, settings: Settings, conversation: Conversation, turn: Turn) -> None:
    """Write down what stands in the columns, whether all of it was drawn or not."""
    columns = columns_of(planned(home, settings, conversation, turn).drawn(home))
    with home.write() as connection:
        conversations.put_pictures(connection, conversation.id, turn.number, columns)


def with_drawn(home: Home, settings: Settings, conversation: Conversation, turn: Turn) -> Turn:
    """The turn with the pictures that its columns have so far."""
    columns = columns_of(planned(home, settings, conversation, turn).drawn(home))
    candidates = tuple(
        candidate if candidate.column is None else replace(candidate, pictures=tuple(columns.get(candidate.column, ())))
        for candidate in turn.candidates
    )
    return replace(turn, candidates=candidates)


def columns_of(drawn: Mapping[tuple[int, int], str]) -> dict[int, Sequence[str]]:
    """Pictures column by column, top first."""
    found: dict[int, list[str]] = {}
    for column, row in sorted(drawn):
        found.setdefault(column, []).append(drawn[column, row])
    return dict(found)


def told(conversation: Conversation, turn: Turn, models: Mapping[str, Model]) -> dict[str, object]:
    """What a slate says before anything of it is drawn, and who draws each column."""
    hands = [models.get(hand) for hand in hands_of(conversation, turn)]
    columns = [
        {
            "text": column.text,
            "category": column.category,
            "model": None if hand is None else {"id": hand.id, "name": hand.name},
        }
        for column, hand in zip(turn.slate, hands, strict=True)
    ]
    return {"turn": turn.number, "columns": columns}
