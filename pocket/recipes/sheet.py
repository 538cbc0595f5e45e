"""The proof that models draw like their sets: `python -m recipes.sheet` in pocket/, after `measure diffusion`.

A picture with a row a set: its own icons of some things on the left, what its model draws for the same things on the
right. It lies in the work folder, because icons are not distributed; `--drawings` writes one without them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes import artists, bank, captions, judge, measure, pictures, work

GAP = 4
SIDE = 64


def grid(rows: list[list[NDArray[np.uint8] | None]], split: int) -> NDArray[np.uint8]:
    """Pictures in rows and columns on white, a wider gap after column `split`; None stays white."""
    columns = max(len(row) for row in rows)
    step = SIDE + GAP
    sheet = np.full((step * len(rows) + GAP, step * columns + GAP + (4 * GAP if split else 0), 3), 255, np.uint8)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            if picture is None:
                continue
            top, left = GAP + step * down, GAP + step * across + (4 * GAP if split and across >= split else 0)
            sheet[top : top + SIDE, left : left + SIDE] = picture
    return sheet


def shared_things(own: list[dict[str, int]], count: int) -> list[str]:
    """The everyday things that most of these sets draw, the most shared first."""
    known = sorted(judge.EVERYDAY, key=lambda name: (-sum(name in icons for icons in own), name))
    return known[:count]


def spread(count: int, most: int) -> list[int]:
    """Up to `most` of so many places, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))})


def main(args: list[str] | None = None) -> list[Path]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=24)
    parser.add_argument("--things", type=int, default=8)
    parser.add_argument("--steps", type=int, default=bank.STEPS)
    parser.add_argument("--drawings", type=Path, help="write the drawings alone to this file")
    options = parser.parse_args(args)
    import palate_pocket as pocket
    from PIL import Image

    every = pocket.adapters()
    adapters = [every[place] for place in spread(len(every), options.sets)]
    shown, rows = pictures.load({adapter.set for adapter in adapters})
    sets = work.read_json(work.folder() / "sets.json")
    known = {artist.key: artist for artist in artists.artists_of(rows, captions.split(rows), sets)}
    own = [
        {captions.concept(rows[i]): i for i in known[adapter.key].pictures[::-1]} if adapter.key in known else {}
        for adapter in adapters
    ]
    things = shared_things(own, options.things)
    whole: list[list[Any]] = []
    for adapter, icons in zip(adapters, own, strict=True):
        drawn = measure.drawings_of(adapter, pocket.folder("diffusion"), options.steps)
        left = [shown[icons[thing]] if thing in icons else None for thing in things]
        whole.append([*left, *(drawn[judge.EVERYDAY.index(thing)] for thing in things)])
    written = [work.folder("sheets") / "sets-and-drawings.png"]
    Image.fromarray(grid(whole, len(things))).save(written[0])
    if options.drawings:
        Image.fromarray(grid([row[len(things) :] for row in whole], 0)).save(options.drawings)
        written.append(options.drawings)
    print(f"rows: {', '.join(adapter.key for adapter in adapters)}; columns: {', '.join(things)}; {written[0]}")
    return written


if __name__ == "__main__":
    main()
