"""The log of a training as one SVG of small charts, written anew while it runs: open it in a browser and reload."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, ACROSS, GAP, TOP = 300, 150, 3, 24, 22
INK, LINE = "#334", "#3465a4"


def draw_curves(rows: Sequence[Mapping[str, Any]], target: Path) -> Path:
    """One chart for each number that is logged, over the steps."""
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if (
                name != "step"
                and isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
            ):
                series.setdefault(name, []).append((float(row["step"]), float(value)))
    down = -(-len(series) // ACROSS)
    size = (ACROSS * (WIDTH + GAP) + GAP, down * (HEIGHT + TOP + GAP) + GAP)
    charts = [_chart(name, points, place) for place, (name, points) in enumerate(series.items())]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" font-family="sans-serif" '
        f'font-size="11" fill="{INK}"><rect width="100%" height="100%" fill="#fff"/>{"".join(charts)}</svg>\n'
    )
    scratch = target.with_suffix(".new")
    scratch.write_text(svg, encoding="utf-8")
    return scratch.replace(target)


def _chart(name: str, points: Sequence[tuple[float, float]], place: int) -> str:
    left, top = GAP + (place % ACROSS) * (WIDTH + GAP), GAP + (place // ACROSS) * (HEIGHT + TOP + GAP)
    steps, values = [x for x, _ in points], [y for _, y in points]
    low, high, first, last = min(values), max(values), min(steps), max(steps)
    wide, tall = (last - first) or 1.0, (high - low) or 1.0
    path = " ".join(
        f"{left + WIDTH * (x - first) / wide:.1f},{top + TOP + HEIGHT * (1 - (y - low) / tall):.1f}" for x, y in points
    )
    span = f"{low:.4g} to {high:.4g}, now {values[-1]:.4g}"
    return (
        f'<text x="{left}" y="{top + 12}" font-weight="bold">{escape(name)}</text>'
        f'<text x="{left + WIDTH}" y="{top + 12}" text-anchor="end">{span}</text>'
        f'<rect x="{left}" y="{top + TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ccd"/>'
        f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.5"/>'
        f'<text x="{left}" y="{top + TOP + HEIGHT + 12}">{first:g}</text>'
        f'<text x="{left + WIDTH}" y="{top + TOP + HEIGHT + 12}" text-anchor="end">step {last:g}</text>'
    )
