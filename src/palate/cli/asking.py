"""The commands that ask: `models`, `show`, `find`, `identify`, `similar`, `recommend`, `choose`, `weights learn`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palate.cli.options import AsJson, Base, Hub, Index, Safe, Tag, Top, say_where, studio


def models(base: Base = None, tag: Tag = None, hub: Hub = None, json: AsJson = False) -> None:
    """What can draw here."""
    from palate.cli import printing

    with studio(hub) as opened:
        found = opened.models(base=base, tags=tag or [])
    if json:
        printing.as_json({"models": found})
        return
    columns = ("name", "kind", "base", "pictures", "downloads", "state", "id")
    printing.table(
        columns,
        [[row[name] if row[name] is not None else "" for name in columns[:-1]] + [row["id"][:12]] for row in found],
    )


def show(
    thing: Annotated[str, typer.Argument(help="A model's name or id, a picture's id, or a picture file.")],
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Everything known of one thing, provenance included."""
    from palate.cli import printing

    with studio(hub) as opened:
        known = opened.show(thing)
    if json:
        printing.as_json(known)
    else:
        printing.facts(known)


def find(
    prompt: Annotated[str | None, typer.Argument(help="What you want drawn, in words.")] = None,
    picture: Annotated[
        list[Path] | None, typer.Option("--picture", help="An example picture; may be repeated.")
    ] = None,
    person: Annotated[str | None, typer.Option("--person", help="Whose likings count as well.")] = None,
    by: Annotated[str, typer.Option("--by", help="gre, clip, mcos, popularity, style.")] = "gre",
    weights: Annotated[str | None, typer.Option("--weights", help="GRE weights: clip,mcos,popularity.")] = None,
    base: Base = None,
    tag: Tag = None,
    safe: Safe = None,
    top: Top = 10,
    index: Index = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Which models draw this? From words, example pictures, and what a person liked, in one ranking with reasons."""
    from palate.cli import printing

    say_where(index=index)
    with studio(hub) as opened:
        answer = opened.find(
            prompt,
            pictures=picture or [],
            person=person,
            by=by,
            weights=weights,
            base=base,
            tags=tag or [],
            safe=safe,
            top=top,
        )
    printing.as_json(answer.as_json()) if json else printing.ranking(answer)


def identify(
    picture: Annotated[list[Path], typer.Argument(help="Example pictures.")],
    by: Annotated[str, typer.Option("--by", help="style, pmi, mms, rkme, popularity.")] = "style",
    caption: Annotated[
        list[str] | None, typer.Option("--caption", help="What a picture shows, one a picture, in their order.")
    ] = None,
    base: Base = None,
    tag: Tag = None,
    safe: Safe = None,
    top: Top = 10,
    index: Index = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Which model draws like these pictures?"""
    from palate.cli import printing

    say_where(index=index)
    with studio(hub) as opened:
        answer = opened.identify(picture, by=by, captions=caption or [], base=base, tags=tag or [], safe=safe, top=top)
    printing.as_json(answer.as_json()) if json else printing.ranking(answer)


def similar(
    picture: Annotated[str, typer.Argument(help="A picture file, or the id of a picture that is here.")],
    top: Top = 10,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """More like this, across models."""
    from palate.cli import printing

    with studio(hub) as opened:
        answer = opened.similar(picture, top=top)
    printing.as_json(answer.as_json()) if json else printing.ranking(answer)


def recommend(
    person: Annotated[str, typer.Option("--person", help="For whom.")] = "me",
    by: Annotated[str, typer.Option("--by", help="itemknn, ease, als, multvae, sasrec ...")] = "itemknn",
    of: Annotated[str, typer.Option("--of", help="pictures, or models.")] = "pictures",
    top: Top = 10,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Pictures or models that go with what a person chose, from what everybody here chose."""
    from palate.cli import printing

    with studio(hub) as opened:
        answer = opened.recommend(person=person, by=by, of=of, top=top)
    printing.as_json(answer.as_json()) if json else printing.ranking(answer)


def choose(
    pictures: Annotated[list[str], typer.Argument(help="A picture's id; of several the best first.")],
    kind: Annotated[str, typer.Option("--as", help="like, dislike, select, skip, rate, battle, sort.")] = "like",
    value: Annotated[float | None, typer.Option("--value", min=1, max=5, help="How good, with --as rate.")] = None,
    tie: Annotated[bool, typer.Option("--tie", help="Neither of a battle's two is better.")] = False,
    person: Annotated[str, typer.Option("--person", help="Who chose.")] = "me",
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Record what a person thought of pictures; it counts in `find --person`, and `steer` and `taste` learn from it."""
    from palate.cli import printing

    with studio(hub) as opened:
        choice = opened.choose(*pictures, kind=kind, person=person, value=value, tie=tie)
    about = " ".join(choice.get("pictures") or [choice["picture"]])
    printing.as_json(choice) if json else printing.line(f"{choice['person']}: {choice['kind']} {about}")


def learn(
    selected: Annotated[Path, typer.Option("--selected", help="A file of picture ids a person selected, one a line.")],
    by: Annotated[str, typer.Option("--by", help="grid, svm, greedy.")] = "grid",
    keep: Annotated[bool, typer.Option("--keep", help="Use the weights from now on.")] = False,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Learn the GRE weights from pictures that somebody selected."""
    from palate.cli import printing

    with studio(hub) as opened:
        answer = opened.learn_weights(selected, by=by, keep=keep)
    printing.as_json(answer) if json else printing.facts(answer)
