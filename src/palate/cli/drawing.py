"""`palate draw` and `palate specify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palate.cli.options import AsJson, Hub, studio


def draw(
    prompt: Annotated[str, typer.Argument(help="What to draw, in words.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Which model: a name or an id.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first picture's seed; the next ones count up.")] = 1,
    count: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many pictures.")] = 1,
    negative: Annotated[str, typer.Option("--negative", help="What to keep out.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="A folder to write copies to.")] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Make pictures; each keeps its provenance."""
    from palate.cli import printing

    with studio(hub) as opened, printing.progress(quiet=json) as progress:
        drawn = opened.draw(model, prompt, seed=seed, count=count, negative=negative, out=out, progress=progress)
    if json:
        printing.as_json({"pictures": drawn})
        return
    printing.table(("picture", "seed", "file"), [(row["id"], row["seed"], row["file"]) for row in drawn])


def specify(
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="This model, whatever it has; may be repeated.")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", help="Your own prompts: one a line, or JSON Lines.")
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=100, help="Pictures a prompt.")] = 1,
    executor: Annotated[str, typer.Option("--executor", help="Where to draw: serial, pool, or ray.")] = "serial",
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="How many processes or actors draw.")] = None,
    address: Annotated[
        str | None, typer.Option("--address", help="A Ray cluster with token login; without one it is this machine.")
    ] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Draw with the models that have no pictures yet, encode, and derive what ranking needs.

    Stop it at any time; it goes on where it was.
    """
    from palate.cli import printing

    with studio(hub) as opened, printing.progress(quiet=json) as progress:
        done = opened.specify(
            models=model,
            prompts=prompts,
            count=count,
            executor=executor,
            workers=workers,
            address=address,
            progress=progress,
        )
    if json:
        printing.as_json(done)
    else:
        printing.facts(done)
    if done["parked"] and not done["done"]:
        raise typer.Exit(1)
