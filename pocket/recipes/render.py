"""Draws every icon at 64 x 64 on white: `python -m recipes.render` (inside pocket/), about five minutes on two cores.

Each set becomes `pictures/<set>.npy` (uint8, n x 64 x 64 x 3) and `pictures/<set>.jsonl`, one line a picture: its
name, variant, categories, other names, and what the drawing itself says about its look. Sets that are done are skipped.
Sets of one colour are black on white: what tells them apart is how they draw and not which paint they were given.
"""

from __future__ import annotations

import argparse
import io
import json
import re
from collections import defaultdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes import work

SIDE = 64
LIKED_SIZE = 24
"""Of an icon drawn in several sizes only the one nearest to this stays: the rest are the same picture again."""

Row = dict[str, Any]
NUMBERS = re.compile(r"\b\d+(?:px|x\d+)?\b")
STROKE_WIDTH = re.compile(r'stroke-width="([\d.]+)')
PAINT = re.compile(r'(?:fill|stroke|stop-color)="(#[0-9a-fA-F]{3,8})"')
FEWEST_INK = 12
"""Pixels that are not white; below it the drawing is blank, as animations are before they begin."""


def split_variant(name: str, suffixes: dict[str, str], prefixes: dict[str, str]) -> tuple[str, str]:
    """The icon's name without its set's own word for how it is drawn, and that word ('' where it has none)."""
    for suffix in sorted(filter(None, suffixes), key=len, reverse=True):
        if name.endswith("-" + suffix):
            return name[: -len(suffix) - 1], suffix
    for prefix in sorted(filter(None, prefixes), key=len, reverse=True):
        if name.startswith(prefix + "-"):
            return name[len(prefix) + 1 :], prefix
    return name, ""


def size_of(variant: str) -> int:
    found = re.search(r"\d+", variant)
    return int(found.group()) if found else LIKED_SIZE


def plain_variant(variant: str) -> str:
    """`24-filled` -> `filled`: sizes say nothing about looks."""
    return "-".join(part for part in NUMBERS.sub("", variant).split("-") if part)


def listed(icons: Row) -> list[Row]:
    """The pictures of a set in the order of their names: hidden ones left out, one size of each."""
    categories: dict[str, list[str]] = defaultdict(list)
    for category, names in icons.get("categories", {}).items():
        for name in names:
            categories[name].append(category)
    also: dict[str, list[str]] = defaultdict(list)
    for alias, what in icons.get("aliases", {}).items():
        if not {"rotate", "hFlip", "vFlip"} & what.keys():
            also[what["parent"]].append(alias)
    by_look: dict[tuple[str, str], list[tuple[int, Row]]] = defaultdict(list)
    for name, icon in sorted(icons["icons"].items()):
        if icon.get("hidden"):
            continue
        stem, variant = split_variant(name, icons.get("suffixes", {}), icons.get("prefixes", {}))
        row = {
            "icon": name,
            "name": stem,
            "variant": plain_variant(variant),
            "categories": categories[name],
            "also": also[name][:4],
        }
        by_look[stem, row["variant"]].append((abs(size_of(variant) - LIKED_SIZE), row))
    return [min(rows, key=lambda pair: pair[0])[1] for rows in by_look.values()]


def markup(icons: Row, name: str) -> str:
    """The icon as a whole SVG document, black where it takes the colour of the text around it."""
    icon = icons["icons"][name]
    left, top = icon.get("left", 0), icon.get("top", 0)
    width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
    side = max(width, height)
    # A square view, so that a wide icon keeps its proportions.
    view = f"{left - (side - width) / 2} {top - (side - height) / 2} {side} {side}"
    body = icon["body"].replace("currentColor", "#000")
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" viewBox="{view}">{body}</svg>'


def drawing_facts(icons: Row, name: str) -> Row:
    """What the drawing's source says: strokes and how wide they are (share of the side), round ends, tints, colours."""
    icon = icons["icons"][name]
    body = icon["body"]
    side = max(icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16)))
    widths = [float(width) for width in STROKE_WIDTH.findall(body)]
    return {
        "stroke": round(max(widths) / side, 3) if widths else 0.0,
        "round": 'linecap="round"' in body or 'linejoin="round"' in body,
        "tint": "opacity=" in body,
        "colours": len(set(PAINT.findall(body))),
    }


def drawn(svg: str) -> NDArray[np.uint8] | None:
    """The picture (64, 64, 3), or nothing where the source cannot be drawn or is blank."""
    import resvg_py
    from PIL import Image

    try:
        png = bytes(
            resvg_py.svg_to_bytes(svg_string=svg, background="#ffffff", width=SIDE, height=SIDE, skip_system_fonts=True)
        )
    except ValueError:
        return None
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    blank = picture.shape != (SIDE, SIDE, 3) or int((picture.min(-1) < 200).sum()) < FEWEST_INK
    return None if blank else picture


def thickness(picture: NDArray[np.uint8]) -> tuple[float, float]:
    """(share of the picture that is ink, share of that ink lying deeper than 3 pixels): lines are thin, fills deep."""
    ink = picture.min(-1) < 160
    deep = ink.copy()
    for _ in range(3):
        deep[1:-1, 1:-1] &= deep[:-2, 1:-1] & deep[2:, 1:-1] & deep[1:-1, :-2] & deep[1:-1, 2:]
    total = int(ink.sum())
    return round(total / ink.size, 3), round(float(deep.sum()) / max(total, 1), 3)


def draw_set(source: Path) -> tuple[str, int, int]:
    """Draws one set; returns its name, how many pictures it has and how many could not be drawn."""
    into, name = work.folder("pictures"), source.stem
    target = into / f"{name}.npy"
    if target.exists():
        return name, -1, 0
    icons = json.loads(source.read_text(encoding="utf-8"))
    rows, pictures, planned = [], [], listed(icons)
    for row in planned:
        picture = drawn(markup(icons, row["icon"]))
        if picture is None:
            continue
        ink, deep = thickness(picture)
        rows.append({"set": name, **row, **drawing_facts(icons, row["icon"]), "ink": ink, "deep": deep})
        pictures.append(picture)
    work.write_lines(into / f"{name}.jsonl", rows)
    with (into / f"{name}.new").open("wb") as file:
        np.save(file, np.stack(pictures), allow_pickle=False)
    (into / f"{name}.new").replace(target)
    return name, len(rows), len(planned) - len(rows)


def main(args: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="sets to draw; every one by default")
    options = parser.parse_args(args)
    sources = [
        path for path in sorted(work.folder("sets").glob("*.json")) if not options.only or path.stem in options.only
    ]
    sources.sort(key=lambda path: -path.stat().st_size)
    total = 0
    with get_context("spawn").Pool(options.processes) as pool:
        for done, (name, count, failed) in enumerate(pool.imap_unordered(draw_set, sources), 1):
            total += max(count, 0)
            print(
                f"[{done}/{len(sources)}] {name}: {'already drawn' if count < 0 else count} ({failed} blank)",
                flush=True,
            )
    print(f"{total} pictures drawn")


if __name__ == "__main__":
    main()
