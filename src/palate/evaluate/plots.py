"""Plots as inline SVG: nothing is fetched, and colours follow the page's light or dark."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.report import Metric

WIDE, ROW, LABEL = 640, 22, 260
FAR = 100
"""So many times the smallest value, and a plain axis would show nothing of the small ones."""
HUES = ("#3b7dd8", "#d1722e", "#2f9c6a", "#a45fc0", "#c0485c", "#7a7a2e")


def intervals(rows: Sequence[tuple[str, Metric]], title: str, *, least: float | None = None) -> str:
    """Each metric's value as a dot in its 95 % interval, all on one axis, from `least` where one is named.

    The axis is of logarithms where the largest is more than a hundred times the smallest.
    """
    ends = [end for _, metric in rows for end in (*metric.ci95, metric.value)]
    ends += [] if least is None else [least]
    low, high = min(ends), max(ends)
    if not all(map(math.isfinite, ends)):
        return ""
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)

    scale = math.log if low > 0 and high > FAR * low else float

    def across(value: float) -> float:
        return LABEL + 10 + (WIDE - LABEL - 30) * (scale(value) - scale(low)) / (scale(high) - scale(low))

    parts = []
    for number, (name, metric) in enumerate(rows):
        y = ROW * number + ROW / 2 + 4
        left, right = across(metric.ci95[0]), across(metric.ci95[1])
        parts.append(
            f'<text x="{LABEL}" y="{y + 4:.0f}" text-anchor="end">{html.escape(_short(name))}</text>'
            f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{y:.0f}" y2="{y:.0f}"/>'
            f'<circle cx="{across(metric.value):.1f}" cy="{y:.0f}" r="4"/>'
        )
    bottom = ROW * len(rows) + 8
    parts += [
        f'<text x="{across(value):.0f}" y="{bottom + 12}" text-anchor="{anchor}">{shown(value)}</text>'
        for value, anchor in ((low, "start"), (high, "end"))
    ]
    return _svg("".join(parts), bottom + 20, title)


def curves(lines: Mapping[str, Sequence[float] | NDArray[np.float64]], title: str, across: str) -> str:
    """A line a method over rounds, named beside its end."""
    values = [float(value) for line in lines.values() for value in line]
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return ""
    low, high = min(values), max(values)
    span = high - low or 1.0
    tall, left, right = 220, 50, WIDE - 150
    parts = [
        f'<text x="{left - 6}" y="{y}" text-anchor="end">{value:.3g}</text>'
        for value, y in ((high, 18), (low, tall - 6))
    ]
    parts.append(
        f'<text x="{(left + right) / 2:.0f}" y="{tall + 14}" text-anchor="middle">{html.escape(across)}</text>'
    )
    for number, (name, line) in enumerate(lines.items()):
        hue = HUES[number % len(HUES)]
        step = (right - left) / max(len(line) - 1, 1)
        points = " ".join(
            f"{left + step * at:.1f},{14 + (tall - 24) * (high - float(value)) / span:.1f}"
            for at, value in enumerate(line)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{hue}" stroke-width="2"/>')
        y = 20 + 18 * number
        parts.append(f'<text x="{right + 10}" y="{y}" style="fill:{hue}">{html.escape(_short(name, 20))}</text>')
    return _svg("".join(parts), tall + 20, title)


def shown(value: float) -> str:
    """Three digits, and no powers of ten for what a person can read: 1,720."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def _svg(inside: str, tall: float, title: str) -> str:
    said = html.escape(title)
    return f'<svg viewBox="0 0 {WIDE} {tall:.0f}" role="img" aria-label="{said}"><title>{said}</title>{inside}</svg>'


def _short(name: str, most: int = 38) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
