"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from palate.studio import Studio

Hub = Annotated[
    str | None, typer.Option("--hub", help="The home: a folder, or `pocket`. Default: $PALATE_HOME, else ~/.palate.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Top = Annotated[int, typer.Option("--top", min=1, max=10_000, help="How many rows to answer.")]
Base = Annotated[str | None, typer.Option("--base", help="Only models for this base, such as SD15 or SDXL.")]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="Only models with this tag; may be repeated.")]
Safe = Annotated[str | None, typer.Option("--safe", help="Which models to show: any, moderate, strict.")]
Index = Annotated[
    str | None,
    typer.Option(
        "--index", help="What is asked instead of every vector, this time: cells, pgvector, qdrant://host:port."
    ),
]
Folder = Annotated[Path, typer.Argument(help="A folder.")]


def say_where(**places: str | None) -> None:
    """To this process and those that it starts; the settings stay as they are."""
    os.environ.update({f"PALATE_{name.upper()}": place for name, place in places.items() if place})


@contextmanager
def studio(hub: str | None) -> Iterator[Studio]:
    from palate.studio import Studio

    opened = Studio.open(hub)
    try:
        yield opened
    finally:
        opened.close()
