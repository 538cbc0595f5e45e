"""`palate personalise`, and the trainings behind it: `palate train personalise sft|grpo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from palate.cli.options import AsJson, Hub, studio
from palate.errors import PalateError

Data = Annotated[
    Path, typer.Option("--data", help="MovieLens with posters (u.data or ratings.csv), or PixelRec as published.")
]
Posters = Annotated[
    Path | None, typer.Option("--pictures", help="Where the pictures lie, named by the thing's id, if not in --data.")
]
Base = Annotated[
    str | None, typer.Option("--janus", help="A hub id, a folder, or pocket; the setting `personaliser` by default.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Where to train; the home's personalise/ by default.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a training was cut off.")]
Seed = Annotated[int, typer.Option("--seed", help="Of everything random.")]
Steps = Annotated[int, typer.Option("--steps", min=0, help="At most so many steps; 0 is no limit.")]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, mps; the best there is by default.")]

train = typer.Typer(help="Teach a Janus to draw from histories: first sft, then grpo.", no_args_is_help=True)


def personalise(
    person: Annotated[str, typer.Option("--person", help="Whose history.")] = "me",
    count: Annotated[int, typer.Option("-n", min=1, max=64, help="How many pictures.")] = 4,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed draws others.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="A folder to write copies to.")] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Draw new pictures straight from what a person liked, without a prompt."""
    from palate.cli import printing

    with studio(hub) as opened:
        drawn = opened.personalise(person, count=count, seed=seed, out=out)
    if json:
        printing.as_json(drawn.as_json())
        return
    printing.table(("picture", "file"), [(row["id"], row["file"]) for row in drawn.pictures])
    liked = "; ".join(row["words"] or row["id"][:12] for row in drawn.history)
    printing.note(f"from what {person} liked, the oldest first: {liked}")
    printing.note(f"by {drawn.network}, {drawn.trained or 'as it comes'}, {drawn.took_s:.1f} s")
    for warning in drawn.warnings:
        printing.note(f"note: {warning}")


@train.command("sft")
def sft(
    data: Data,
    pictures: Posters = None,
    janus: Base = None,
    seen: Annotated[
        str, typer.Option("--seen", help="How pictures of a history are read: vision, or codes.")
    ] = "vision",
    out: Out = None,
    resume: Resume = False,
    rate: Annotated[
        float | None, typer.Option("--rate", help="Learning rate; 5e-4 for a LoRA or small network.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="How often each window is learned from.")] = 1,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Windows a step.")] = 16,
    part: Annotated[int, typer.Option("--part", min=1, help="Windows that go through the network at a time.")] = 16,
    rank: Annotated[int, typer.Option("--rank", min=0, help="Of the LoRA; 0 trains all of the language model.")] = 16,
    frugal: Annotated[bool, typer.Option("--frugal", help="Recompute activations: slower, much less memory.")] = False,
    every: Annotated[int, typer.Option("--every", min=1, help="Steps between checkpoints and measurements.")] = 100,
    steps: Steps = 0,
    seed: Seed = 0,
    device: Device = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Supervised: the next item's picture after each history. Killed at any point, --resume goes on as it was."""
    from palate.cli import printing
    from palate.personalise.sft import SftConfig, train_sft

    shelf, parts, place = _opened(data, pictures, janus, seen, device, out, hub, "sft")
    config = SftConfig(
        rate=rate or (4e-5 if rank == 0 else 5e-4),
        epochs=epochs,
        batch=batch,
        part=min(part, batch),
        rank=rank,
        every=every,
        most=steps,
        frugal=frugal,
        seed=seed,
    )
    printing.note(f"{len(parts.train)} windows, {config.steps(len(parts.train))} steps, log: {place / 'log.jsonl'}")
    last = train_sft(shelf, parts, place, config, resume=resume, say=_said)
    answer = {"in": str(place), **last}
    printing.as_json(answer) if json else printing.facts(answer)


def _opened(
    data: Path,
    pictures: Path | None,
    base: str | None,
    seen: str,
    device: str | None,
    out: Path | None,
    hub: str | None,
    kind: str,
) -> tuple[Any, Any, Path]:
    from palate.personalise.drawing import FOLDER
    from palate.personalise.histories import split_by_time
    from palate.personalise.janus import open_janus
    from palate.personalise.reading import read_collection
    from palate.personalise.shelf import Shelf
    from palate.settings import home_folder, read

    if seen not in ("vision", "codes"):
        raise PalateError("unknown_way", f"'{seen}' is none of vision, codes", about="seen")
    home = home_folder(hub)
    collection = read_collection(data, pictures=pictures)
    opened = open_janus(base or read(home).personaliser, device=device)
    shelf = Shelf(opened, collection, seen)  # type: ignore[arg-type]
    return shelf, split_by_time(collection), out or home / FOLDER / kind


def _said(row: dict[str, Any]) -> None:
    from palate.cli import printing

    told = " ".join(f"{name} {value:.4g}" for name, value in row.items() if isinstance(value, float))
    printing.note(f"[{row['step'] + 1}] {told}")
