"""The commands that talk and measure talking: `converse`, at a terminal or line by line, and `evaluate converse`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palate.cli.options import AsJson, Hub, studio
from palate.errors import PalateError

if TYPE_CHECKING:
    from palate.converse.state import Exchange

POCKET = "pocket"
STOP = ("stop", "bye", "quit", "exit", "")


def converse(
    person: Annotated[str, typer.Option("--person", help="Who talks.")] = "me",
    say: Annotated[
        list[str] | None, typer.Option("--say", help="What you say, instead of typing it; may be repeated.")
    ] = None,
    draws: Annotated[
        bool, typer.Option("--draw/--no-draw", help="Whether what is to be otherwise is drawn at once.")
    ] = True,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Talk: say what you want, what should be otherwise, ask why; pictures are shown by their files."""
    from palate.cli import printing

    with studio(hub) as opened:
        talk = opened.converse(person, draws=draws)
        for said in _messages(say, json=json):
            exchange = talk.say(said)
            printing.as_json(exchange.as_json()) if json else _print(exchange)


def _messages(said: list[str] | None, *, json: bool) -> Iterator[str]:
    """From the options, from a pipe, or typed until there is nothing more to say."""
    if said is not None:
        yield from said
    elif json or not sys.stdin.isatty():
        yield from (line for line in map(str.strip, sys.stdin) if line)
    else:
        while (typed := str(typer.prompt("you", default="", show_default=False))).strip().lower() not in STOP:
            yield typed


def _print(exchange: Exchange) -> None:
    from palate.cli import printing
    from palate.safety.paths import shown

    reply = exchange.reply
    about = {f"picture:{thing.id}" for thing in reply.pictures}
    for claim in reply.claims:
        if not (len(claim.rests_on) == 1 and claim.rests_on[0] in about):  # the table below says it with the file
            printing.line(shown(claim.text))
    for note in reply.notes:
        printing.line(shown(note))
    if reply.models:
        rows = [(place, thing.name, f"{thing.score:.3g}", thing.id[:12]) for place, thing in enumerate(reply.models, 1)]
        printing.table(("", "model", "score", "id"), rows)
    if reply.pictures:
        drawers = [(place, thing.name, thing.id[:12]) for place, thing in enumerate(reply.pictures, 1)]
        printing.table(("", "picture by", "id"), drawers)
        for place, thing in enumerate(reply.pictures, 1):  # whole, so that a path can be clicked or copied
            if thing.file:
                printing.line(f"{place}  {shown(thing.file)}")
    if reply.question:
        printing.line(shown(reply.question.text))
    if reply.fallback:
        printing.note(f"note: answered offline: {shown(reply.fallback)}")


def evaluate_converse(
    data: Annotated[
        Path | None, typer.Option("--data", help="The folder of inspired_dev.tsv and inspired_test.tsv.")
    ] = None,
    films: Annotated[
        Path | None, typer.Option("--films", help="MovieLens' items.csv, for what it says of the same films.")
    ] = None,
    composed: Annotated[
        Path | None,
        typer.Option(
            "--composed", help="Composed queries, on this folder of sets of pictures, or on the hub `pocket`."
        ),
    ] = None,
    goals: Annotated[
        Path | None, typer.Option("--goals", help="Simulated people with a hidden goal, on such a folder.")
    ] = None,
    sets: Annotated[str | None, typer.Option("--sets", help="Which sets, separated by commas.")] = None,
    encoder: Annotated[str, typer.Option("--encoder", help="What turns pictures and words into vectors.")] = "pocket",
    writer: Annotated[
        str, typer.Option("--writer", help="A language model that reorders the films: an address, a folder, a hub id.")
    ] = "offline",
    cache: Annotated[Path | None, typer.Option("--cache", help="Where vectors are kept; the run by default.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the intervals, and of the simulated people.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write the run's plain files.")] = None,
    json: AsJson = False,
) -> None:
    """Films recommended in real talks (--data), "this, but ..." (--composed), or hidden goals in 6 turns (--goals)."""
    from palate.cli import printing
    from palate.cli.measuring import run_folder

    if sum(part is not None for part in (data, composed, goals)) != 1:
        raise PalateError("nothing_asked", "say what to measure", hint="--data DIR, --composed DIR, or --goals DIR")
    if data is not None:
        from palate.evaluate.conversing import evaluate_converse as measure
        from palate.writers.speaking import open_speaker

        run = out or run_folder("converse")
        answer = measure(data, films=films, speaker=open_speaker(writer), seed=seed, out=run)
    elif composed == Path(POCKET):
        from palate.encoders.opening import open_encoder
        from palate.evaluate.converse_banked import evaluate_banked
        from palate.evaluate.converse_coloured import coloured
        from palate.importers.pocket import shipped

        run, opened = out or run_folder("composed"), open_encoder(POCKET)
        colours = coloured(shipped(), opened, (cache or run) / "coloured")
        answer = evaluate_banked(shipped().bank(), opened, coloured=colours, seed=seed, out=run)
    else:
        from palate.encoders.opening import open_encoder
        from palate.evaluate.converse_composed import evaluate_composed
        from palate.evaluate.converse_goals import evaluate_goals
        from palate.evaluate.converse_sets import DEFAULT_SETS

        names = tuple(sets.split(",")) if sets else DEFAULT_SETS
        folder = composed or goals or Path()
        run = out or run_folder("converse-composed" if composed else "converse-goals")
        way = evaluate_composed if composed else evaluate_goals
        answer = way(folder, open_encoder(encoder), sets=names, cache=cache, seed=seed, out=run)
    printing.as_json(answer.as_json()) if json else printing.report(answer)
