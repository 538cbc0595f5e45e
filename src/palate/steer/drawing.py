"""A slate drawn: four pictures of each of four prompts, encoded, and laid out on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Prompt, digest
from palate.errors import PalateError
from palate.settings import Settings
from palate.specify import orders
from palate.specify.drawing import Progress, nothing
from palate.specify.encoding import encode_missing
from palate.specify.ordering import able_models, run_tasks, wanted_settings, with_full_hashes
from palate.steer.steering import PICTURES, Steering

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

CELL = 192
GAP = 6
LINE = 14
LINES = 3
LETTERS = 32
TITLE = 22


def draw_slate(
    home: Home, settings: Settings, encoder: Encoder, steering: Steering, *, progress: Progress = nothing
) -> list[list[str]]:
    """Pictures' ids, a list a column, with vectors; what was drawn before is not drawn again."""
    conversation, turn = steering.conversation, steering.current
    if turn is None:
        raise PalateError("no_open_turn", "there is no slate to draw", hint="ask for the next turn first")
    hands = [column.model_id or conversation.model_id or "" for column in turn.slate]
    chosen, everything = able_models(home, list(dict.fromkeys(hands)))
    seeds = range(1000 * conversation.seed + 1, 1000 * conversation.seed + 1 + PICTURES)
    with home.writing():
        drawing = {model.id: model for model in with_full_hashes(home, chosen)}
        work = []
        for column, hand in zip(turn.slate, hands, strict=True):
            base, prompt = orders.base_of(drawing[hand], everything), Prompt(column.text, "")
            wanted = wanted_settings(settings)
            work.append([orders.task_for(drawing[hand], base, prompt, seed, wanted) for seed in seeds])
        tasks = [task for column in work for task in column]
        specification = {"what": "steer", "tasks": digest(*[task.key for task in tasks])}
        outcome = run_tasks(home, settings, specification, tasks, everything, progress=progress)
        if outcome.errors:
            names = ", ".join(model.name for model in drawing.values())
            raise PalateError("drawing_failed", "; ".join(outcome.errors), about=names)
        encode_missing(home, encoder, progress=progress)
    with home.read() as connection:
        return [[picture_rows.of_drawing(connection, digest("drawing", t.key)) for t in column] for column in work]


def sheet(home: Home, columns: Sequence[Sequence[str]], target: Path, prompts: Sequence[str] = ()) -> Path:
    """The slate as one picture: a numbered column for each prompt, with its words above it where they are given."""
    import textwrap

    from PIL import Image, ImageDraw

    from palate.safety.pictures import open_picture

    rows = max((len(column) for column in columns), default=0)
    above = TITLE + (LINES * LINE if prompts else 0)
    size = (len(columns) * (CELL + GAP) + GAP, above + rows * (CELL + GAP) + GAP)
    paper = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(paper)
    for across, column in enumerate(columns):
        left = GAP + across * (CELL + GAP)
        pen.text((left + CELL // 2 - 3, 5), str(across + 1), fill="black")
        words = textwrap.wrap(prompts[across], LETTERS, max_lines=LINES, placeholder=" ...") if prompts else []
        for number, line in enumerate(words):
            pen.text((left, TITLE + number * LINE), line, fill="black")
        for down, id in enumerate(column):
            picture = open_picture(home.blobs.get(id)).resize((CELL, CELL), Image.Resampling.LANCZOS)
            paper.paste(picture, (left, above + GAP + down * (CELL + GAP)))
    target.parent.mkdir(parents=True, exist_ok=True)
    paper.save(target)
    return target
