"""`palate add ...`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from palate.cli.options import AsJson, Hub, studio
from palate.errors import PalateError


def models(
    source: Annotated[str, typer.Argument(help="A folder, a hub id, or the address of a server that draws.")],
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Bring in models: checkpoints and LoRAs (.safetensors), diffusers folders, hub ids, servers that draw."""
    from palate.cli import printing

    with studio(hub) as opened, printing.progress(quiet=json) as progress:
        added = opened.add_models(source, progress=progress)
    printing.added(added, json=json)


def pictures(
    folder: Annotated[Path, typer.Argument(help="A folder of pictures that models drew.")],
    prompts: Annotated[
        Path | None, typer.Option("--prompts", help="A CSV or JSON Lines file of file, model, prompt, seed.")
    ] = None,
    encode: Annotated[
        bool, typer.Option("--encode/--no-encode", help="Encode them too, so that they can be searched at once.")
    ] = True,
    watch: Annotated[
        float | None,
        typer.Option("--watch", min=1.0, help="Look again every so many seconds, until Ctrl-C, and say what is new."),
    ] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Bring in pictures that exist already, with their metadata; they stay where they lie and are never changed."""
    from palate.cli import printing

    with studio(hub) as opened, printing.progress(quiet=json) as progress:
        answer = opened.add_pictures(folder, listing=prompts, encode=encode, progress=progress)
    printing.added(answer, json=json, may_be_empty=watch is not None)
    refused = set(answer.refused)
    while watch is not None:
        time.sleep(watch)
        # Opened anew each time, so that other commands can write in between.
        try:
            with studio(hub) as opened:
                answer = opened.add_pictures(folder, listing=prompts, encode=encode)
        except PalateError as error:
            if error.code != "library_in_use":
                raise
            continue
        if answer.added or set(answer.refused) - refused:
            printing.added(answer, json=json, may_be_empty=True)
        refused = set(answer.refused)


def dataset(
    kind: Annotated[str, typer.Argument(help="Which data set: gemrec.")],
    folder: Annotated[Path, typer.Argument(help="Its folder.")],
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Bring in a data set: its roster, prompts, and pictures or ready features."""
    from palate.cli import printing

    with studio(hub) as opened:
        added = opened.add_dataset(kind, folder)
    printing.added(added, json=json)
