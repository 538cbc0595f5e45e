"""What people see: tables on a terminal, JSON for programs, one line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from palate.errors import PalateError
from palate.safety.paths import shown

if TYPE_CHECKING:
    from palate.evaluate.report import Report
    from palate.ranking import Ranking


def as_json(answer: object) -> None:
    sys.stdout.write(json.dumps(answer, ensure_ascii=True, allow_nan=False) + "\n")


def line(text: str) -> None:
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Beside the answer, so that a pipe gets the answer alone."""
    sys.stderr.write(text + "\n")


def report_error(error: PalateError) -> None:
    """One line on standard error; where JSON was asked for, the same as JSON on standard output."""
    if "--json" in sys.argv:
        as_json({"error": error.as_json()})
    sys.stderr.write(f"palate: {shown(str(error))}\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    sheet = Table(title=title, box=None, pad_edge=False, title_justify="left", header_style="bold")
    for name in columns:
        sheet.add_column(name, overflow="fold")
    for row in rows:
        sheet.add_row(*(Text(shown(str(cell))) for cell in row))
    Console(file=sys.stdout).print(sheet)


def ranking(answer: Ranking) -> None:
    """Rank, name, score, id, and why."""
    rows = [
        (place, row.name, f"{row.score:.4g}", row.id[:12], "; ".join(reason.text for reason in row.reasons))
        for place, row in enumerate(answer, 1)
    ]
    table(("", "name", "score", "id", "because"), rows)
    for warning in answer.warnings:
        note(f"note: {warning}")
    note(f"by {answer.by}, {answer.took_ms:.0f} ms")


def report(answer: Report) -> None:
    rows = [
        (name, f"{metric.value:.4g}", f"{metric.ci95[0]:.4g} to {metric.ci95[1]:.4g}", metric.n)
        for name, metric in answer.metrics.items()
    ]
    for title, lines in answer.tables.items():
        if lines:
            table(tuple(lines[0]), [tuple(_cell(value) for value in row.values()) for row in lines], title=title)
    table(("metric", "value", "95 % interval", "n"), rows, title=answer.scenario)
    note(f"{answer.cases} cases, {answer.unscored} not scored, {answer.took_s:.1f} s" + _where(answer.run))


def _cell(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value


def _where(run: str | None) -> str:
    return f"; everything is in {run}" if run else ""


def facts(answer: Mapping[str, Any], indent: int = 0) -> None:
    """Nested facts as indented lines."""
    for name, value in answer.items():
        if value in (None, "", [], (), {}):
            continue
        if isinstance(value, Mapping):
            line(f"{'  ' * indent}{name}:")
            facts(value, indent + 1)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for item in value:
                line(f"{'  ' * indent}{name}:")
                facts(item, indent + 1)
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            line(f"{'  ' * indent}{name}: {shown(text)}")


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar with rate and time left on a terminal; nothing where the output is for a program."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _rate_column(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        started: dict[str, TaskID] = {}

        def update(what: str, done: int, of: int) -> None:
            if what not in started:
                started[what] = bars.add_task(what, total=of)
            bars.update(started[what], completed=done, total=of)

        yield update


def _rate_column() -> Any:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    return Rate()


def added(answer: Any, *, json: bool, may_be_empty: bool = False) -> None:
    """What came in, what was refused and why; an error only where nothing could be done, unless that `may_be_empty`."""
    import typer

    if json:
        as_json(answer.as_json())
    else:
        line(answer.in_words())
        for refused in answer.refused:
            note(f"refused: {shown(refused)}")
        for warning in answer.warnings:
            note(f"note: {shown(warning)}")
    if answer.refused and not answer.anything and not may_be_empty:
        raise typer.Exit(1)
