"""The commands that learn what a person likes and lead there: `steer`, `taste`, and how well they do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palate.cli.options import AsJson
from palate.errors import PalateError


def evaluate_user_types(
    planted: Annotated[bool, typer.Option("--planted", help="On made people whose types are known.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="On real people: a folder with MovieLens 100K's u.data.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which random world, or which split of people.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the run's plain files; the home's runs/ by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """User types by EM: are planted ones found again; which of two films real people prefer, by number of types."""
    from palate.cli import printing
    from palate.cli.measuring import run_folder
    from palate.evaluate.user_types import evaluate_film_types, evaluate_planted_types

    if planted == (data is not None):
        raise PalateError("nothing_asked", "say on whom to measure", hint="--planted, or --data DIR")
    folder = out or run_folder("user-types")
    answer = (
        evaluate_planted_types(seed=seed, out=folder)
        if data is None
        else evaluate_film_types(data, seed=seed, out=folder)
    )
    printing.as_json(answer.as_json()) if json else printing.report(answer)
