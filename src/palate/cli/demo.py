"""`palate demo`: everything at once on the pocket hub, told in the terminal and on a page with pictures."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palate.cli.options import AsJson
from palate.settings import POCKET

if TYPE_CHECKING:
    from PIL import Image

    from palate.ranking import Ranking
    from palate.studio import Studio

ASKED = "a cloud with rain"
NEW_TO_ALL = "an icon of a butterfly"
"""A task prompt: no model is specified by it."""
STEERED = "an icon of a house"
VISITOR = "somebody"
TURNS = 5
SEED = 7
TOP = 3
PICTURES = 4
"""Shown of each model."""


def demo(
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="On a terminal, open the web pages when the report is written.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the report; in the home by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Palate on its own small hub, in under a minute: find, identify, steer, and draw from what somebody liked."""
    from palate.cli import printing
    from palate.studio import Studio

    started = time.perf_counter()
    opened = Studio.open(POCKET)
    try:
        report = out or opened.home.folder / "demo" / "report.html"
        report.parent.mkdir(parents=True, exist_ok=True)
        told = _told(opened, report, loud=not json)
    finally:
        opened.close()
    seconds = time.perf_counter() - started
    if json:
        printing.as_json({**told, "report": str(report), "seconds": round(seconds, 1)})
        return
    printing.line(f"\n{seconds:.0f} s; look at {report}")
    printing.line(f"next: palate find 'what you want drawn' --hub {POCKET}, or your own models: palate init")
    if serve and sys.stdout.isatty():
        _serve()


def _told(opened: Studio, report: Path, *, loud: bool) -> dict[str, Any]:
    """Three questions, their answers printed if `loud`, and all of them on the page."""
    from palate.cli import page

    models = [model for model in opened.models(base=POCKET) if model["kind"] == "adapter"]
    say = _printer(loud)
    say(f"{len(models)} models draw here, each specified by {models[0]['pictures']} pictures")

    say(f"\n$ palate find '{ASKED}' --hub {POCKET}")
    found = opened.find(ASKED, top=TOP)
    say(found)

    maker = models[len(models) // 2]
    example = Path(opened.draw(maker["id"], NEW_TO_ALL, seed=SEED)[0]["file"])
    say(f"\n$ palate identify {example.name[:8]} --hub {POCKET}    # {maker['name']} drew it; it is new to the hub")
    everyone = opened.identify([example], top=len(models))
    place, identified = everyone.ids.index(maker["id"]) + 1, everyone.top(TOP)
    say(identified)
    say(f"{maker['name']} is number {place} of {len(everyone)}")

    unknown = report.parent / "an-icon-of-ours.png"
    own_icon().save(unknown)
    say(f"\n$ palate identify {unknown.name} --hub {POCKET}    # drawn by hand for this page: no model has seen it")
    alike = opened.identify([unknown], top=TOP)
    say(alike)

    say(f"\n$ palate steer '{STEERED}' --hub {POCKET}    # for somebody who likes how {maker['name']} draws")
    turns = _steered(opened, maker["id"], report.parent)
    for at, turn in enumerate(turns, 1):
        say(f"turn {at}: picked '{turn['prompt']}', {turn['worth']:+.2f} to them")

    whose = f"who liked {PICTURES} pictures of {maker['name']}, is made up and is forgotten again"
    say(f"\n$ palate personalise --person {VISITOR} --hub {POCKET}    # {whose}")
    liked, new = _personalised(opened, maker["id"])
    say(f"{len(new)} new pictures, from no words at all" if new else "the pocket Janus is not in this build")

    drawn = _drawn_for(opened, found)
    sections = [
        page.Section(f"find: {ASKED}", "What the best three draw for it.", (), _rows(opened, found, drawn)),
        page.Section(
            "identify: who drew this?",
            f"It was {maker['name']}, number {place} of {len(everyone)}.",
            (example,),
            _rows(opened, identified),
        ),
        page.Section("identify: an icon that no model knows", "Who draws like it?", (unknown,), _rows(opened, alike)),
        _steering_section(maker["name"], turns),
        page.Section("personalise: the next one", "From these pictures, and no words", liked, _new_rows(new)),
    ]
    page.write(report, "Palate on its pocket hub", sections)
    rankings = {"find": found, "identify": identified, "alike": alike}
    return {
        "models": len(models),
        "maker": maker["name"],
        "place": place,
        "steered": turns,
        "personalised": [str(file) for file in new],
        **{name: had.as_json() for name, had in rankings.items()},
    }


def _steering_section(liked: str, turns: list[dict[str, Any]]) -> Any:
    from palate.cli import page

    rows = []
    for at, turn in enumerate(turns, 1):
        worth = ", ".join(f"{column:+.2f}" for column in turn["columns"])
        why = f"Worth {turn['worth']:+.2f} to them; the columns were worth {worth}"
        title = f"Turn {at}: picked column {turn['column']}, {turn['prompt']}"
        rows.append(page.Row(title, why, (Path(turn["sheet"]),), wide=True))
    text = f"For a made person who likes how {liked} draws. They say nothing; they pick a column a turn."
    return page.Section(f"steer: {STEERED}", text, (), rows)


def _steered(opened: Studio, likes: str, folder: Path) -> list[dict[str, Any]]:
    """Each turn's pick with its true worth; the sheets are kept beside the report."""
    told = []
    for turn in opened.rehearse(STEERED, likes, folder, turns=TURNS, seed=SEED):
        picked = turn.turn.picked or 0
        told.append(
            {
                "prompt": turn.turn.slate[picked].text,
                "column": picked + 1,
                "worth": turn.worth[picked],
                "columns": turn.worth,
                "sheet": str(turn.sheet),
            }
        )
    return told


def _personalised(opened: Studio, maker: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Pictures of one model that somebody likes, and what is drawn from them; nothing new without a pocket Janus."""
    import palate_pocket as pocket

    from palate.steer import telling

    ids = opened.show(maker)["examples"][:PICTURES]
    liked = tuple(opened.look(ids).values())
    if "janus" not in pocket.kinds():
        return liked, ()
    for picture in ids:
        opened.choose(picture, person=VISITOR)
    try:
        drawn = opened.personalise(VISITOR, count=PICTURES, seed=SEED)
    finally:
        telling.forget(opened.home, VISITOR)
    return liked, tuple(Path(one["file"]) for one in drawn.pictures)


def _new_rows(new: tuple[Path, ...]) -> list[Any]:
    from palate.cli import page

    return [page.Row("Drawn by the pocket Janus", "It was never told what to draw", new)] if new else []


def _printer(loud: bool) -> Any:
    from palate.cli import printing

    def say(thing: str | Ranking) -> None:
        if not loud:
            return
        printing.line(thing) if isinstance(thing, str) else printing.ranking(thing)

    return say


def _drawn_for(opened: Studio, found: Ranking) -> dict[str, list[Path]]:
    """What each model of a ranking draws for the words, drawn now."""
    return {
        row.id: [Path(one["file"]) for one in opened.draw(row.id, ASKED, seed=SEED, count=PICTURES)] for row in found
    }


def _rows(opened: Studio, ranking: Ranking, drawn: dict[str, list[Path]] | None = None) -> list[Any]:
    """Each model with why and with pictures: those given, else those behind its reasons, else examples."""
    from palate.cli import page

    rows = []
    for place, row in enumerate(ranking, 1):
        shown = (drawn or {}).get(row.id)
        if shown is None:
            behind = dict.fromkeys(id for reason in row.reasons for id in reason.pictures)
            ids = [*behind, *(id for id in opened.show(row.id)["examples"] if id not in behind)][:PICTURES]
            shown = list(opened.look(ids).values())
        why = "; ".join(reason.text for reason in row.reasons)
        rows.append(page.Row(f"{place}. {row.name} ({row.score:.3g})", why, tuple(shown)))
    return rows


def own_icon() -> Image.Image:
    """A sailing boat in thick outline, drawn here point by point: no model was trained on it."""
    from PIL import Image, ImageDraw

    scale = 8
    sheet = Image.new("RGB", (64 * scale, 64 * scale), "white")
    pen = ImageDraw.Draw(sheet)
    for points in (
        ((10, 44), (54, 44), (46, 56), (18, 56), (10, 44)),
        ((31, 44), (31, 8), (12, 38), (31, 38)),
        ((36, 38), (36, 16), (52, 38), (36, 38)),
    ):
        placed = [(x * scale, y * scale) for x, y in points]
        pen.line(placed, fill="black", width=4 * scale, joint="curve")
        for x, y in placed:
            pen.ellipse((x - 2 * scale, y - 2 * scale, x + 2 * scale, y + 2 * scale), fill="black")
    return sheet.resize((64, 64), Image.Resampling.LANCZOS)


def _serve() -> None:
    """The web pages on this home, where this version has them."""
    from palate.cli.main import app

    command: Any = typer.main.get_command(app)
    if "serve" in command.commands:
        app(["serve", "--hub", POCKET], standalone_mode=False)
