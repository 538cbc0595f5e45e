"""Makes docs/pictures/first-hub.png, the picture in README.md, from a real run of `examples/first_hub.py`.

Command: .venv/bin/python examples/readme_picture.py
"""

from __future__ import annotations

import runpy
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from palate.ranking import Ranked, Ranking
from palate.studio import Studio

FIRST_HUB = Path(__file__).with_name("first_hub.py")
TARGET = Path(__file__).parents[1] / "docs" / "pictures" / "first-hub.png"
WIDTH, EDGE, SIDE, GAP, ROWS, EXAMPLES = 1000, 24, 64, 6, 3, 6
PAPER, INK, FAINT = (255, 255, 255), (25, 25, 28), (105, 105, 112)
LONGEST = 70
"""Letters of a reason that fit on a line beside the pictures."""


class Block(NamedTuple):
    """One question with its answer: what was typed, and the rows of the ranking with pictures of each model."""

    command: str
    shown: Path | None
    ranking: Ranking


def make(target: Path = TARGET) -> Path:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first_hub = runpy.run_path(str(FIRST_HUB))
        first_hub["main"](folder)
        asked: str = first_hub["ASKED"]
        studio = Studio.open(str(folder / "home"))
        [example] = studio.draw("style-3", "a green cross", seed=7)
        blocks = [
            Block(f'$ palate find "{asked}"', None, studio.find(asked, top=ROWS)),
            Block("$ palate identify this.png", Path(example["file"]), studio.identify([example["file"]], top=ROWS)),
        ]
        sheet = drawn(studio, blocks)
        studio.close()
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, optimize=True)
    return target


def drawn(studio: Studio, blocks: list[Block]) -> Image.Image:
    """The sheet: a heading and `ROWS` rows for every block."""
    heights = [SIDE + GAP + sum(SIDE + GAP for _ in block.ranking) + EDGE for block in blocks]
    sheet = Image.new("RGB", (WIDTH, sum(heights) + EDGE), PAPER)
    pen = ImageDraw.Draw(sheet)
    top = EDGE
    for block, height in zip(blocks, heights, strict=True):
        pen.text((EDGE, top + SIDE // 2 - 12), block.command, INK, ImageFont.load_default(22))
        if block.shown is not None:
            _paste(sheet, block.shown, WIDTH - EDGE - EXAMPLES * (SIDE + GAP), top)
        for place, row in enumerate(block.ranking, 1):
            _row(sheet, pen, studio, place, row, top + place * (SIDE + GAP))
        top += height
    return sheet


def _row(sheet: Image.Image, pen: ImageDraw.ImageDraw, studio: Studio, place: int, row: Ranked, top: int) -> None:
    pen.text((EDGE, top + 8), f"{place}  {row.name}  {row.score:.2f}", INK, ImageFont.load_default(18))
    why = row.reasons[0].text if row.reasons else ""
    pen.text((EDGE + 22, top + 31), textwrap.fill(why, LONGEST), FAINT, ImageFont.load_default(13))
    for number, id in enumerate(studio.show(row.id)["examples"][:EXAMPLES]):
        left = WIDTH - EDGE - (EXAMPLES - number) * (SIDE + GAP)
        _paste(sheet, studio.home.blobs.path(id), left, top)


def _paste(sheet: Image.Image, file: Path, left: int, top: int) -> None:
    with Image.open(file) as picture:
        sheet.paste(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top))


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET))
