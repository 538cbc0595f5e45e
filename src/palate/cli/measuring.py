"""`palate evaluate ...` and `palate train ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palate.cli.options import AsJson, Hub, studio


def run_folder(scenario: str) -> Path:
    """In the home where there is one, else among the system's temporary files."""
    import tempfile
    import time

    from palate.settings import home_folder

    home = home_folder()
    if not home.is_dir():
        return Path(tempfile.mkdtemp(prefix=f"palate-{scenario}-"))
    return home / "runs" / time.strftime(f"{scenario}-%Y%m%d-%H%M%S")


def evaluate_gemrec(
    data: Annotated[Path, typer.Option("--data", help="A folder with GEMRec's features, roster and prompts.")],
    seed: Annotated[int, typer.Option("--seed", help="Which random splits.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the run's plain files; the home's runs/ by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Identify and find on GEMRec's real features: every method, with 95 % intervals."""
    from palate.cli import printing
    from palate.evaluate.gemrec import evaluate_gemrec as measure

    answer = measure(data, seed=seed, out=out or run_folder("gemrec"))
    printing.as_json(answer.as_json()) if json else printing.report(answer)


def evaluate_identification(
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="Task pictures a task prompt.")] = 10,
    prompts: Annotated[Path | None, typer.Option("--prompts", help="Your own specification prompts.")] = None,
    tasks: Annotated[Path | None, typer.Option("--tasks", help="Your own task prompts.")] = None,
    executor: Annotated[str, typer.Option("--executor", help="Where to draw: serial, or pool.")] = "serial",
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """The CGI benchmark on the hub in the home: draws what is missing, prints the paper's tables."""
    from palate.cli import printing

    with studio(hub) as opened, printing.progress(quiet=json) as progress:
        answer = opened.evaluate_identification(
            seeds=seeds, prompts=prompts, tasks=tasks, executor=executor, progress=progress
        )
    printing.as_json(answer.as_json()) if json else printing.report(answer)


def evaluate_recommend(
    data: Annotated[
        Path, typer.Option("--data", help="An .npz of train, valid and test pairs, a .txt of sequences, or ml-100k.")
    ],
    methods: Annotated[str, typer.Option("--methods", help="Names with commas between, or all.")] = "all",
    seed: Annotated[int, typer.Option("--seed", help="Of the intervals.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write the run's plain files.")] = None,
    json: AsJson = False,
) -> None:
    """Recommenders side by side on one split, tuned alike, every item ranked, with 95 % intervals."""
    from palate.cli import printing
    from palate.evaluate.recommending import evaluate_recommend as measure
    from palate.recommend.methods import chosen

    answer = measure(data, chosen(methods), seed=seed, out=out or run_folder("recommend"))
    printing.as_json(answer.as_json()) if json else printing.report(answer)


def train_recommender(
    data: Annotated[
        Path, typer.Option("--data", help="An .npz of train, valid and test pairs, a .txt of sequences, or ml-100k.")
    ],
    method: Annotated[str, typer.Option("--method", help="ease, als, multvae, diffrec, sasrec ...")],
    out: Annotated[Path, typer.Option("--out", help="The folder to keep it in.")],
    json: AsJson = False,
) -> None:
    """Learn from a file of choices, with the settings that do best on held-out ones, and keep what was learned."""
    from palate.cli import printing
    from palate.evaluate.recommending import train

    answer = train(data, method, out)
    printing.as_json(answer) if json else printing.facts(answer)
