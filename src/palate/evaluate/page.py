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
from palate.evaluate.measures import Measure, base_name, measure_of
from palate.evaluate.report import Metric
from palate.evaluate.scenario import Scenario
from palate.evaluate.suite import Outcome

ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
MOST_OPEN = 24
"""A longer table of metrics is folded."""
MOST_PLOTTED = 20
MOST_METHODS, MOST_KINDS = 16, 5
"""Of the table of methods by measures; all of them are in the folded one."""
MOST_PICTURES = 12
MOST_NAMED = 4
APART = ("fairness", "privacy", "robustness", "social", "content", "transparency", "autonomy")
COMPARED = ("accuracy", "people", "longitudinal")
"""Aspects by which one method is taken and another is not; what is fair or held is no contest of methods."""
YARDSTICKS = ("floor", "ceiling", "what people said", "people")
LARGEST = 600_000
"""Bytes of a picture that is put into the page."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e22; --paper: #fcfcfa; --line: #d8d8d4; --soft: #6a6e76; --mark: #3b7dd8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e4; --paper: #16181c; --line: #3a3d44; --soft: #9aa0aa; --mark: #7fb0f0 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 64rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
h1, h2, h3 { line-height: 1.2 } h2 { border-top: 1px solid var(--line); padding-top: 1rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .9rem }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap }
td.number { text-align: right; font-variant-numeric: tabular-nums }
td.why { white-space: normal; min-width: 14rem } .soft { color: var(--soft) }
th { overflow-wrap: normal }
svg { width: 100%; min-width: 30rem; max-width: 40rem; font: 12px system-ui, sans-serif } svg text { fill: var(--ink) }
svg line { stroke: var(--mark); stroke-width: 2 } svg circle { fill: var(--mark) }
figure { display: inline-block; margin: 4px; vertical-align: top; max-width: 100% }
figure img { width: 112px; background: #fff; border-radius: 4px } figure.whole img { width: auto; max-width: 100% }
figcaption { font-size: .8rem; color: var(--soft); max-width: 112px; overflow-wrap: anywhere }
figure.whole figcaption { max-width: none } summary { cursor: pointer; padding: .4rem 0 }
a { color: var(--mark) } dt { font-weight: 600 } dd { margin: 0 0 .3rem 1rem }
@media (max-width: 40rem) { .cards tr:first-child { display: none }
  .cards tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line) }
  .cards th, .cards td { display: block; border: 0; padding: .1rem 0; white-space: normal } }
.verdict { border-left: 3px solid var(--mark); padding-left: .7rem }
b .ci { font-weight: 400 } td .ci { color: var(--soft); font-size: .85em } .best { font-weight: 600 }
"""


def write_page(
    path: Path, suite: Mapping[str, Any], outcomes: Sequence[Outcome], known: Mapping[str, Scenario]
) -> None:
    """`known`: the scenarios by name, for what each asks and what its own metrics mean."""
    title = "What was measured"
    done = [one for one in outcomes if one.summary is not None]
    parts = [f"<h1>{title}</h1>", _about(suite), _overview(outcomes, known), _not_measured(outcomes)]
    parts += [_section(one, known.get(one.scenario), path.parent / one.scenario) for one in done]
    parts.append(_glossary(done, known))
    head = (
        "<meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{title}</title><style>{STYLE}</style>"
    )
    path.write_text(f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n", "utf-8")


def _about(suite: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in suite["versions"].items())
    said = (
        f"{suite['machine']}; Python {suite['python']}; {versions}; commit {(suite['commit'] or 'unknown')[:12]}; seed "
        f"{suite['seed']}; {suite['took_s']:.0f} of {suite['seconds']:.0f} seconds."
    )
    return f"<p class=soft>{html.escape(said)}</p>"


def _overview(outcomes: Sequence[Outcome], known: Mapping[str, Scenario]) -> str:
    """A row a scenario: how much of it was done, what leads by its first measure, and which aspects have numbers."""
    rows = []
    for one in outcomes:
        scenario = known.get(one.scenario)
        own = scenario.measures if scenario else {}
        counts = aspect_counts(one, own)
        missing = [aspect for aspect in (scenario.aspects if scenario else ()) if aspect not in counts]
        shown = [f"<b>{html.escape(aspect)}</b> {count}" for aspect, count in counts.items()]
        shown += [f"<span class=soft>{html.escape(aspect)} not measured</span>" for aspect in missing]
        name = html.escape(one.scenario)
        link = f"<a href='#{name}'>{name}</a>" if one.summary else name
        cases = f"{one.cases} of {one.of}" if one.summary else ""
        leads = _leads(one, scenario) if one.summary else html.escape(one.why)
        if one.summary and one.why:
            leads += f" <span class=soft>({html.escape(one.why)})</span>"
        rows.append(
            f"<tr><th>{link}</th><td>{cases}</td><td class=why>{leads}</td><td class=why>{' · '.join(shown)}</td></tr>"
        )
    head = "<tr><th>scenario</th><th>cases</th><th>what came out first</th><th>numbers by aspect</th></tr>"
    return (
        "<p>A row a scenario. Every number has its 95 % interval, over the cases that were asked; ↑ more is better, ↓ "
        "less is better. What each means stands <a href='#words'>at the end</a>, which method to take in its "
        "section.</p>"
        f"<div class=wide><table class=cards>{head}{''.join(rows)}</table></div>"
    )


def _leads(outcome: Outcome, scenario: Scenario | None) -> str:
    """A scenario's headline, so far as it was measured, else who leads."""
    own = scenario.measures if scenario else {}
    metrics = {name: read_metric(row) for name, row in (outcome.summary or {})["metrics"].items()}
    words = {name: said for name, said in (scenario.headline if scenario else {}).items() if name in metrics}
    if not words:
        return _leader(outcome, own)
    return "<br>".join(
        f"<span title='{html.escape(name)}'>{html.escape(said)}</span> "
        f"{_arrow(measure_of(name, own))} <b>{_with_interval(metrics[name])}</b>"
        for name, said in words.items()
    )


def _leader(outcome: Outcome, own: Mapping[str, Measure]) -> str:
    """The best method of the first measure that has a better direction and several methods."""
    metrics = {name: read_metric(row) for name, row in (outcome.summary or {})["metrics"].items()}
    for kind in dict.fromkeys(name.rpartition("/")[2] for name in metrics):
        found, measure = _by_method(metrics, kind), measure_of(kind, own)
        if measure is None or measure.better == "neither" or len(found) < 2:
            continue
        name = _best(found, measure)
        if name:
            said = f"{html.escape(name)}: {html.escape(kind)} {_arrow(measure)} <b>{_with_interval(found[name])}</b>"
            return f"{said} <span class=soft>of {len(found)}</span>"
    return ""


def verdict(metrics: Mapping[str, Metric], own: Mapping[str, Measure]) -> str:
    """Which method to take and why, in a sentence: who is first by the first measure that ranks methods, and who may be
    as good (an interval that overlaps the first one's). Nothing where methods are not what is compared."""
    for kind in shared_kinds(metrics):
        measure = measure_of(kind, own)
        if measure is None or measure.aspect not in COMPARED or measure.better == "neither":
            continue
        found = {name: one for name, one in _by_method(metrics, kind).items() if _is_method(name, metrics, kind)}
        first = _best(found, measure)
        if len(found) < 2 or not first:
            continue
        best = found[first]
        near = [
            name
            for name, one in found.items()
            if name != first and one.ci95[0] <= best.ci95[1] and best.ci95[0] <= one.ci95[1]
        ]
        said = f"By {kind} ({measure.cites}) {first} is first of {len(found)}, {plots.shown(best.value)}"
        if not near:
            return f"{said}, and no interval of the others reaches it: take it."
        rest = f"{', '.join(near[:MOST_NAMED])}{' and more' if len(near) > MOST_NAMED else ''}"
        return f"{said}; {rest} may be as good, since their intervals overlap: ask more cases, or take the cheapest."
    return ""


def _not_measured(outcomes: Sequence[Outcome]) -> str:
    """Everything that is missing, in one place: whole scenarios, and parts of those that ran."""
    rows = [(one.scenario, "all of it", one.why) for one in outcomes if one.summary is None]
    rows += [
        (one.scenario, what, why) for one in outcomes for what, why in (one.summary or {}).get("left_out", {}).items()
    ]
    if not rows:
        return ""
    body = "".join(
        f"<tr><th>{html.escape(name)}</th>"
        + "".join(f"<td class=why>{html.escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    head = "<tr><th>scenario</th><th>what</th><th>why</th></tr>"
    return (
        f"<details><summary>What was not measured, and why ({len(rows)})</summary>"
        f"<div class=wide><table>{head}{body}</table></div></details>"
    )


def _glossary(done: Sequence[Outcome], known: Mapping[str, Scenario]) -> str:
    """What each number on the page means, its direction, and whose it is; those that nobody explained are named."""
    said: dict[str, str] = {}
    for one in done:
        own = known[one.scenario].measures if one.scenario in known else {}
        for name in (one.summary or {})["metrics"]:
            measure = measure_of(name, own)
            what = "nobody said what it means" if measure is None else f"{measure.cites} ({measure.aspect})"
            said[f"{base_name(name)} {'' if measure is None else ARROWS[measure.better]}".strip()] = what
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(what)}</dd>" for name, what in sorted(said.items()))
    return (
        "<h2 id=words>What the numbers mean</h2><p>↑ more is better, ↓ less is better. A number with @ is of so many "
        f"things: the first ten, eight pictures, turn five.</p><details><summary>{len(said)} measures</summary>"
        f"<dl>{rows}</dl></details>"
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
    if outcome.state == "stopped":
        parts.append(f"<p>{html.escape(outcome.why)}.</p>")
    if scenario:
        parts.append(f"<p>{html.escape(scenario.asks[:1].upper() + scenario.asks[1:])}.</p>")
    parts.append(f"<p class=soft>{html.escape(_cost(outcome))}</p>")
    for need, why in outcome.summary.get("left_out", {}).items():
        parts.append(f"<p class=soft>Not measured: {html.escape(f'{need}: {why}')}.</p>")
    if said := verdict(metrics, own):
        parts.append(f"<p class=verdict>{html.escape(said)}</p>")
    parts += [_methods(metrics, own)]
    parts += [_table(title, rows) for title, rows in outcome.summary["tables"].items() if rows]
    parts += [_plot(metrics, kind) for kind in _plotted(metrics)]
    parts += [f"<div class=wide>{svg.read_text('utf-8')}</div>" for svg in sorted(folder.glob("*.svg"))]
    parts.append(_pictures(folder))
    rows = "".join(_metric_row(name, metric, measure_of(name, own)) for name, metric in metrics.items())
    head = "<tr><th>method</th><th>metric</th><th></th><th>value</th><th>95 %</th><th>cases</th><th>of</th></tr>"
    table = f"<div class=wide><table>{head}{rows}</table></div>"
    if len(metrics) > MOST_OPEN:
        table = f"<details><summary>All {len(metrics)} metrics</summary>{table}</details>"
    return "".join([*parts, table])


def _methods(metrics: Mapping[str, Metric], own: Mapping[str, Measure]) -> str:
    """Methods by the measures that most of them have, each with its interval; the best of a column stands out."""
    kinds = [kind for kind in shared_kinds(metrics) if len(_by_method(metrics, kind)) > 1][:MOST_KINDS]
    methods = list(dict.fromkeys(method for kind in kinds for method in _by_method(metrics, kind)))[:MOST_METHODS]
    if len(methods) < 2:
        return ""
    kinds = [kind for kind in kinds if sum(f"{method}/{kind}" in metrics for method in methods) > 1]
    best = {kind: _lead_of(kind, metrics, own) for kind in kinds}
    head = "".join(f"<th>{html.escape(kind)} {_arrow(measure_of(kind, own))}</th>" for kind in kinds)
    rows = []
    for method in methods:
        cells = ""
        for kind in kinds:
            metric = metrics.get(f"{method}/{kind}")
            mark = " best" if method == best[kind] else ""
            cells += "<td></td>" if metric is None else f"<td class='number{mark}'>{_with_interval(metric)}</td>"
        rows.append(f"<tr><th>{html.escape(method)}</th>{cells}</tr>")
    return f"<div class=wide><table><tr><th>method</th>{head}</tr>{''.join(rows)}</table></div>"


def shared_kinds(metrics: Mapping[str, Metric]) -> list[str]:
    """`ndcg@10` and so on, those that most methods have first, as many as are alike in their order."""
    counts: dict[str, int] = {}
    for name in metrics:
        kind = name.rpartition("/")[2]
        counts[kind] = counts.get(kind, 0) + 1
    return sorted(counts, key=lambda kind: -counts[kind])


def _by_method(metrics: Mapping[str, Metric], kind: str) -> dict[str, Metric]:
    """Methods that have it; differences of two are no method."""
    found = {}
    for name, metric in metrics.items():
        method, _, what = name.rpartition("/")
        if what == kind and "-less-" not in method:
            found[method] = metric
    return found


def _best(found: Mapping[str, Metric], measure: Measure | None) -> str:
    """The leading method; a difference of two (`taste-popularity`) is none, nor is a yardstick (`floor`)."""
    if measure is None or measure.better == "neither":
        return ""
    sign = 1 if measure.better == "higher" else -1
    able = [name for name in found if not _is_difference(name, found) and name not in YARDSTICKS]
    return max(able, key=lambda name: sign * found[name].value, default="")


def _lead_of(kind: str, metrics: Mapping[str, Metric], own: Mapping[str, Measure]) -> str:
    """Whose number stands out in a column; nobody's where rows are groups and attacks."""
    measure = measure_of(kind, own)
    return "" if measure is None or measure.aspect in APART else _best(_by_method(metrics, kind), measure)


def _is_difference(name: str, found: Mapping[str, Metric]) -> bool:
    return any(name.startswith(f"{other}-") for other in found if other != name)


def _is_method(name: str, metrics: Mapping[str, Metric], kind: str) -> bool:
    return name not in YARDSTICKS and not _is_difference(name, _by_method(metrics, kind)) and ":" not in name


def _arrow(measure: Measure | None) -> str:
    return "" if measure is None else ARROWS[measure.better]


def _with_interval(metric: Metric) -> str:
    low, high = map(plots.shown, metric.ci95)
    value = plots.shown(metric.value)
    return f"{value} <span class=ci>[{low}, {high}]</span>" if metric.ci95[0] < metric.ci95[1] else value


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
    return [kind for kind in shared_kinds(metrics) if 2 <= len(_by_method(metrics, kind)) <= MOST_PLOTTED][:2]


def _plot(metrics: Mapping[str, Metric], kind: str) -> str:
    drawn = plots.intervals(list(_by_method(metrics, kind).items()), f"{kind} by method")
    return f"<h3>{html.escape(kind)}</h3><div class=wide>{drawn}</div>" if drawn else ""


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(_cell(row.get(name, "")) for name in names) + "</tr>" for row in rows)
    table = f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"
    if len(rows) > MOST_OPEN:
        table = f"<details><summary>{len(rows)} rows</summary>{table}</details>"
    return f"<h3>{html.escape(title)}</h3>{table}"


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


def _pictures(folder: Path) -> str:
    """A sheet where there is one (`grid.png`), else single pictures by their names."""
    sheet = folder / "grid.png"
    if sheet.is_file():
        return _picture(sheet, "Example pictures, and what the model that each method names drew for the same prompt")
    files = sorted((folder / "pictures").glob("*.png"))[:MOST_PICTURES]
    return "".join(_picture(file, " ".join(file.stem.split("-")[1:]) or file.stem) for file in files)


def _picture(file: Path, said: str) -> str:
    if file.stat().st_size > LARGEST:
        return ""
    data, told = base64.b64encode(file.read_bytes()).decode(), html.escape(said)
    whole = " class=whole" if file.stem == "grid" else ""
    return (
        f"<figure{whole}><img alt='{told}' src='data:image/png;base64,{data}'><figcaption>{told}</figcaption></figure>"
    )


def read_suite(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / "suite.json").read_text())
    except FileNotFoundError:
        raise PalateError("no_run", "there is no suite here: suite.json is missing", about=str(folder)) from None
    return said


def unnamed(metrics: Iterable[str], own: Mapping[str, Measure]) -> list[str]:
    """Metrics of which nobody said what they mean."""
    return sorted({base_name(name) for name in metrics if measure_of(name, own) is None})
