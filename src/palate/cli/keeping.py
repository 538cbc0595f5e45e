"""The commands that keep a home: `init`, `config`, `check`, `export`, `migrate`, `backup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palate.cli.options import AsJson, Hub, studio


def init(hub: Hub = None, json: AsJson = False) -> None:
    """Make a home, or bring an older one up to date."""
    from palate.cli import printing
    from palate.studio import Studio

    made = Studio.create(hub)
    folder = str(made.home.folder)
    made.close()
    if json:
        printing.as_json({"home": folder})
    else:
        printing.line(f"home: {folder}")
        printing.note("next: `palate add models DIR` and `palate add pictures DIR`")


def config_get(
    name: Annotated[str | None, typer.Argument(help="A setting; all of them where none is named.")] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """What a setting is."""
    from palate.cli import printing

    with studio(hub) as opened:
        answer = opened.config_get(name)
    if json:
        printing.as_json({row["name"]: row["value"] for row in answer})
    else:
        printing.table(("name", "value", "what it does"), [list(row.values()) for row in answer])


def config_set(
    name: Annotated[str, typer.Argument(help="A setting.")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Change a setting."""
    from palate.cli import printing

    with studio(hub) as opened:
        answer = opened.config_set(name, value)
    printing.as_json(answer) if json else printing.facts(answer)


def check(
    mend: Annotated[
        bool, typer.Option("--mend", help="Forget what is damaged and can be drawn or encoded again.")
    ] = False,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Open every blob, vector and row; say what is wrong and how to mend it."""
    from palate.cli import printing

    with studio(hub) as opened:
        faults = opened.check(mend=mend)
    wrong = [fault for fault in faults if fault.severity == "wrong"]
    if json:
        printing.as_json({"clean": not wrong, "faults": [fault.as_json() for fault in faults]})
    else:
        rows = [(fault.severity, fault.about, fault.what, fault.mend) for fault in faults]
        if rows:
            printing.table(("", "about", "what is wrong", "how to mend it"), rows)
        printing.line("clean" if not wrong else f"{len(wrong)} things are wrong")
    if wrong:
        raise typer.Exit(1)


def export_dataset(
    kind: Annotated[str, typer.Argument(help="In which form: gemrec.")],
    folder: Annotated[Path, typer.Argument(help="Where to write it.")],
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Write roster, prompts and PromptBook in the published schema, of any hub."""
    from palate.cli import printing

    with studio(hub) as opened:
        answer = opened.export(kind, folder)
    printing.as_json(answer) if json else printing.facts(answer)


def migrate(
    home: Annotated[str, typer.Argument(help="The home: a folder.")],
    database: Annotated[
        str | None, typer.Argument(help="Where its rows shall be: postgresql://..., or here (SQLite in the home).")
    ] = None,
    blobs: Annotated[
        str | None,
        typer.Option("--blobs", help="Where its drawn pictures shall be: s3://, gs://, az://, file://, here."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Move a home's rows and pictures to a database and an object store, or back; the old ones are kept."""
    from palate.cli import printing
    from palate.errors import PalateError

    if database is None and blobs is None:
        raise PalateError("nothing_to_move", "say where to", hint="`palate migrate HOME postgresql://...`")
    with studio(home) as opened:
        answer = opened.migrate(database=database, blobs=blobs)
    if json:
        printing.as_json(answer)
    else:
        printing.facts(answer)
        printing.note("the home lives there now; what was copied is still where it was")


def backup(
    folder: Annotated[
        Path, typer.Argument(help="Where the copy lies: a new folder, or one that holds a copy already.")
    ],
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Copy a home as it is now, while it is served as well; again, only what is new is copied."""
    from palate.cli import printing

    with studio(hub) as opened:
        answer = opened.backup(folder)
    if json:
        printing.as_json(answer)
    else:
        printing.facts(answer)
        printing.note(f"the copy is a home: `palate check --hub {folder}`")
