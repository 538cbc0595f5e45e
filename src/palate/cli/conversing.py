"""The command that talks: `converse`, at a terminal, line by line from a pipe, or with what is said in options."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from palate.cli.options import AsJson, Hub, studio

if TYPE_CHECKING:
    from palate.converse.state import Exchange

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
        rows = [(place, thing.name, thing.id[:12], thing.file or "") for place, thing in enumerate(reply.pictures, 1)]
        printing.table(("", "picture by", "id", "file"), rows)
    if reply.question:
        printing.line(shown(reply.question.text))
    if reply.fallback:
        printing.note(f"note: answered offline: {shown(reply.fallback)}")
