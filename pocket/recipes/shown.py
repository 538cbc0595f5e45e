"""Ships pictures with their pixels: `python -m recipes.shown` in pocket/, after `bank`; about two minutes of one core.

The bank holds vectors; a picture is drawn when somebody looks at it, which takes a second. What a first visitor sees
need not wait: the wall's best, each model's best, and one prompt by every model are drawn here as a home draws them,
and kept without loss on one sheet. Those that are drawn are not drawn again; `--most 0` ships what is there.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from palate_pocket.shown import COLUMNS, ROWS, SHEET, SIDE, Sheet, digest

from recipes import package, work

if TYPE_CHECKING:
    from palate.serve.gallery import Gallery
    from palate.studio import Studio

BEST = 72
"""Of the wall: what a large screen shows."""
OF_EACH = 4
BATCH = 16


def seen_first(models: Sequence[str], prompts: Sequence[str], first: str, best: int, each: int) -> list[int]:
    """Places in the wall's order of what is seen first: its best, every model's best, all of prompt `first`."""
    had: dict[str, int] = defaultdict(int)
    found = []
    for at, (model, prompt) in enumerate(zip(models, prompts, strict=True)):
        had[model] += 1
        if at < best or had[model] <= each or prompt == first:
            found.append(at)
    return found


def in_order(studio: Studio) -> tuple[Gallery, list[int], str]:
    """The wall, best first, and the prompt that Rank begins with."""
    import numpy as np

    from palate.serve.gallery import order
    from palate.serve.library import Library

    library = Library.load(studio)
    rows = order(library.gallery, np.ones(len(library.gallery), dtype=bool), "gre")
    counts = library.prompt_counts
    return library.gallery, rows.tolist(), min(counts, key=lambda id: (-counts[id], library.prompts[id].text, id))


def write_sheet(pictures: dict[int, Path], folder: Path) -> int:
    """The sheet and which rows of the bank it shows; bytes of the sheet."""
    from PIL import Image

    rows = sorted(pictures)
    sheet = Sheet(folder / SHEET, tuple(rows))
    whole = Image.new("RGB", (SIDE * COLUMNS, SIDE * max(1, -(-len(rows) // COLUMNS))), "white")
    for tile, row in enumerate(rows):
        with Image.open(pictures[row]) as picture:
            whole.paste(picture.convert("RGB"), sheet.box(tile)[:2])
    whole.save(sheet.file, "WEBP", lossless=True, quality=80, method=4)
    work.write_json(folder / ROWS, {"bank": digest(folder), "rows": rows})
    return sheet.file.stat().st_size


def main(args: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=BEST, help="of the wall; 0 draws nothing")
    parser.add_argument("--each", type=int, default=OF_EACH, help="of every model")
    options = parser.parse_args(args)
    os.environ.setdefault("PALATE_POCKET_HOME", str(work.folder("home")))
    import palate_pocket as pocket

    from palate.importers.pocket import rows_of_pictures
    from palate.studio import Studio

    studio = Studio.open("pocket")
    try:
        if options.most:
            draw(studio, options.most, options.each)
        rows: dict[str, int] = rows_of_pictures(pocket)
        files = (studio.home.derived / "pictures").rglob("*.png")
        found = {rows[file.stem]: file for file in files if file.stem in rows}
    finally:
        studio.close()
    size = write_sheet(found, package.WEIGHTS / "bank")
    print(f"{len(found)} of {len(rows)} pictures, {size / 1e6:.2f} MB")
    return len(found)


def draw(studio: Studio, most: int, each: int) -> None:
    """Model by model, so that each is loaded once."""
    gallery, rows, first = in_order(studio)
    wanted = seen_first(
        [str(gallery.model[r]) for r in rows], [str(gallery.prompt[r]) for r in rows], first, most, each
    )
    of_model: dict[str, list[str]] = defaultdict(list)
    for at in wanted:
        of_model[str(gallery.model[rows[at]])].append(str(gallery.ids[rows[at]]))
    for number, ids in enumerate(of_model.values(), 1):
        for start in range(0, len(ids), BATCH):
            studio.look(ids[start : start + BATCH])
        print(f"model {number} of {len(of_model)}", flush=True)


if __name__ == "__main__":
    main()
