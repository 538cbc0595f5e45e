"""One HTML page of a suite: scenarios, methods and aspects with intervals, plots and pictures; nothing is fetched."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from palate.errors import PalateError
from palate.evaluate import plots
from palate.evaluate.measures import ASPECTS, Measure, base_name, measure_of
from palate.evaluate.report import Metric
from palate.evaluate.scenario import Scenario
from palate.evaluate.suite import Outcome

ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
MOST_OPEN = 24
"""A longer table of metrics is folded."""
MOST_PLOTTED = 20
MOST_PICTURES = 12
LARGEST = 400_000
"""Bytes of a picture that is put into the page."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e22; --paper: #fcfcfa; --line: #d8d8d4; --soft: #6a6e76; --mark: #3b7dd8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e4; --paper: #16181c; --line: #3a3d44; --soft: #9aa0aa; --mark: #7fb0f0 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 64rem; margin: 0 auto; padding: 1rem }
h1, h2, h3 { line-height: 1.2 } h2 { border-top: 1px solid var(--line); padding-top: 1rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .9rem }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap }
td.number { text-align: right; font-variant-numeric: tabular-nums }
td.why { white-space: normal; min-width: 14rem } .soft { color: var(--soft) }
svg { width: 100%; max-width: 40rem; font: 12px system-ui, sans-serif } svg text { fill: var(--ink) }
svg line { stroke: var(--mark); stroke-width: 2 } svg circle { fill: var(--mark) }
img { width: 96px; margin: 2px; background: #fff; image-rendering: pixelated } summary { cursor: pointer }
"""


def write_page(
    path: Path, suite: Mapping[str, Any], outcomes: Sequence[Outcome], known: Mapping[str, Scenario]
) -> None:
    """`known`: the scenarios by name, for what each asks and what its own metrics mean."""
    title = "What was measured"
    done = [one for one in outcomes if one.summary is not None]
    parts = [f"<h1>{title}</h1>", _about(suite), _overview(outcomes, known)]
    parts += [_section(one, known.get(one.scenario), path.parent / one.scenario) for one in done]
    head = (
        "<meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{title}</title><style>{STYLE}</style>"
    )
    path.write_text(f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n", "utf-8")


def _about(suite: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in suite["versions"].items())
    said = (
        f"{suite['machine']}; Python {suite['python']}; {versions}; commit {suite['commit'] or 'unknown'}; seed "
        f"{suite['seed']}; {suite['took_s']:.0f} of {suite['seconds']:.0f} seconds."
    )
    return f"<p class=soft>{html.escape(said)}</p>"


def _overview(outcomes: Sequence[Outcome], known: Mapping[str, Scenario]) -> str:
    """Scenarios by aspects: how many metrics there are, or why there are none."""
    own = {one.name: one.measures for one in known.values()}
    counts = {one.scenario: aspect_counts(one, own.get(one.scenario, {})) for one in outcomes}
    wanted = {one.scenario: set(known[one.scenario].aspects) if one.scenario in known else set() for one in outcomes}
    aspects = [a for a in ASPECTS if any(a in counts[name] or a in wanted[name] for name in counts)]
    rows = []
    for one in outcomes:
        cells = []
        for aspect in aspects:
            count = counts[one.scenario].get(aspect, 0)
            missing = "not measured" if aspect in wanted[one.scenario] else ""
            cells.append(f"<td class=number>{count}</td>" if count else f"<td class=soft>{missing}</td>")
        cases = f"{one.cases} of {one.of}" if one.summary else ""
        why = html.escape(one.why or one.state)
        link = (
            f"<a href='#{html.escape(one.scenario)}'>{html.escape(one.scenario)}</a>" if one.summary else one.scenario
        )
        rows.append(f"<tr><th>{link}</th><td>{cases}</td>{''.join(cells)}<td class=why>{why}</td></tr>")
    head = "".join(f"<th>{html.escape(aspect)}</th>" for aspect in aspects)
    return (
        "<p>Numbers below an aspect count the metrics of it. Intervals hold 95 %, over the cases that were asked.</p>"
        f"<div class=wide><table><tr><th>scenario</th><th>cases</th>{head}<th></th></tr>{''.join(rows)}</table></div>"
    )


def aspect_counts(outcome: Outcome, own: Mapping[str, Measure]) -> dict[str, int]:
    """How many metrics a run has of each aspect; what a run cost is of the aspect cost."""
    counts: dict[str, int] = {}
    for name in () if outcome.summary is None else outcome.summary["metrics"]:
        measure = measure_of(name, own)
        aspect = "accuracy" if measure is None else measure.aspect
        counts[aspect] = counts.get(aspect, 0) + 1
    return counts


def _section(outcome: Outcome, scenario: Scenario | None, folder: Path) -> str:
    assert outcome.summary is not None
    own = scenario.measures if scenario else {}
    metrics = {name: read_metric(row) for name, row in outcome.summary["metrics"].items()}
    parts = [f"<h2 id='{html.escape(outcome.scenario)}'>{html.escape(outcome.scenario)}</h2>"]
    if scenario:
        parts.append(f"<p>{html.escape(scenario.asks)}.</p>")
    parts.append(f"<p class=soft>{html.escape(_cost(outcome))}</p>")
    for need, why in outcome.summary.get("left_out", {}).items():
        parts.append(f"<p class=soft>Not measured: {html.escape(f'{need}: {why}')}.</p>")
    parts += [_table(title, rows) for title, rows in outcome.summary["tables"].items() if rows]
    parts += [_plot(metrics, kind) for kind in _plotted(metrics)]
    parts += [svg.read_text("utf-8") for svg in sorted(folder.glob("*.svg"))]
    shown = [_picture(file) for file in sorted((folder / "pictures").glob("*.png"))[:MOST_PICTURES]]
    parts.append("".join(shown))
    rows = "".join(_metric_row(name, metric, measure_of(name, own)) for name, metric in metrics.items())
    head = "<tr><th>method</th><th>metric</th><th></th><th>value</th><th>95 %</th><th>cases</th><th>of</th></tr>"
    table = f"<div class=wide><table>{head}{rows}</table></div>"
    if len(metrics) > MOST_OPEN:
        table = f"<details><summary>All {len(metrics)} metrics</summary>{table}</details>"
    return "".join([*parts, table])


def read_metric(row: Mapping[str, Any]) -> Metric:
    return Metric(row["value"], (row["ci95"][0], row["ci95"][1]), row["n"])


def _cost(outcome: Outcome) -> str:
    assert outcome.summary is not None
    record = outcome.record or {}
    cost, seed = record.get("cost", {}), record.get("specification", {}).get("seed", 0)
    said = f"{outcome.cases} of {outcome.of} cases; {outcome.summary['unscored']} not scored; seed {seed}"
    if cost:
        said += f"; {cost['seconds']:.0f} s, {cost['cpu_s']:.0f} CPU s, {cost['peak_mb']:.0f} MB at most"
        said += f", about {cost['wh']:.3g} Wh (15 W a core assumed)"
    kept = "; kept from an earlier run of the same specification" if outcome.state == "kept" else ""
    return f"{said}{kept}."


def _plotted(metrics: Mapping[str, Metric]) -> list[str]:
    """Kinds of metric that several methods have, the ones with most methods first."""
    kinds: dict[str, int] = {}
    for name in metrics:
        kind = name.rpartition("/")[2]
        kinds[kind] = kinds.get(kind, 0) + 1
    several = [kind for kind, count in kinds.items() if 2 <= count <= MOST_PLOTTED]
    return sorted(several, key=lambda kind: -kinds[kind])[:2]


def _plot(metrics: Mapping[str, Metric], kind: str) -> str:
    rows = [(name.rpartition("/")[0], metric) for name, metric in metrics.items() if name.rpartition("/")[2] == kind]
    drawn = plots.intervals(rows, f"{kind} by method")
    return f"<h3>{html.escape(kind)}</h3>{drawn}" if drawn else ""


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(_cell(row.get(name, "")) for name in names) + "</tr>" for row in rows)
    return f"<h3>{html.escape(title)}</h3><div class=wide><table><tr>{head}</tr>{body}</table></div>"


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"<td class=number>{value:.4g}</td>"
    text = str(value)
    return f"<td{' class=why' if len(text) > 40 else ''}>{html.escape(text)}</td>"


def _metric_row(name: str, metric: Metric, measure: Measure | None) -> str:
    method, _, kind = name.rpartition("/")
    arrow, cited = ("", "") if measure is None else (ARROWS[measure.better], measure.cites)
    low, high = metric.ci95
    return (
        f"<tr><td>{html.escape(method)}</td><td title='{html.escape(cited)}'>{html.escape(kind)}</td><td>{arrow}</td>"
        f"<td class=number>{metric.value:.4g}</td><td class=number>{low:.4g} to {high:.4g}</td>"
        f"<td class=number>{metric.n}</td><td>{html.escape(measure.aspect if measure else '')}</td></tr>"
    )


def _picture(file: Path) -> str:
    if file.stat().st_size > LARGEST:
        return ""
    data = base64.b64encode(file.read_bytes()).decode()
    return f"<img alt='{html.escape(file.stem)}' title='{html.escape(file.stem)}' src='data:image/png;base64,{data}'>"


def read_suite(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / "suite.json").read_text())
    except FileNotFoundError:
        raise PalateError("no_run", "there is no suite here: suite.json is missing", about=str(folder)) from None
    return said


def unnamed(metrics: Iterable[str], own: Mapping[str, Measure]) -> list[str]:
    """Metrics of which nobody said what they mean."""
    return sorted({base_name(name) for name in metrics if measure_of(name, own) is None})
