"""The commands that learn what a person likes and lead there: `steer`, `taste`, and how well they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palate.cli.options import AsJson, Hub, studio
from palate.errors import PalateError

if TYPE_CHECKING:
    from palate.catalogue.conversations import Turn
    from palate.importers.preferences import Preference


Person = Annotated[str, typer.Argument(help="Whose taste.")]


def steer(
    prompt: Annotated[str, typer.Argument(help="What you want drawn, in words.")],
    person: Annotated[str, typer.Option("--person", help="Who chooses.")] = "me",
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Which model draws; the best for the words by default.")
    ] = None,
    turns: Annotated[int, typer.Option("--turns", min=1, max=50, help="How many slates at most.")] = 5,
    answers: Annotated[
        str | None, typer.Option("--answers", help="What you would type, separated by ';', instead of being asked.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first pictures' seed.")] = 0,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Slates of 4 prompts, 4 pictures each: pick a column, none, or write a wish, and the next slate fits better."""
    from palate.cli import printing

    if json and answers is None:
        raise PalateError("nothing_asked", "a program answers with --answers", hint="such as --answers '2;none;darker'")
    waiting = None if answers is None else [part.strip() for part in answers.split(";")]
    with studio(hub) as opened, printing.progress(quiet=json) as progress:
        steering = opened.steer(prompt, person=person, model=model, seed=seed)
        told: list[dict[str, Any]] = []
        wish = ""
        while len(steering.turns) < turns and (waiting is None or waiting):
            turn = steering.next_turn(wish)
            sheet = opened.draw_turn(steering, progress=progress)
            if not json:
                hands = dict.fromkeys(column.model_id for column in turn.slate if column.model_id)
                names = {hand: str(opened.show(hand)["model"]["name"]) for hand in hands}
                _print_turn(turn, sheet, names)
            answer = _answer(waiting)
            if answer in ("", "stop"):
                break
            column, wish = _read(answer)
            done = steering.choose(column)
            told.append({**_turn_told(done), "sheet": str(sheet), "answer": answer})
        if json:
            printing.as_json({"conversation": steering.conversation.id, "person": person, "turns": told})
        else:
            printing.note(f"{person} chose {len(told)} times; `palate taste show {person}` says what that taught")


def _answer(waiting: list[str] | None) -> str:
    if waiting is not None:
        return waiting.pop(0) if waiting else ""
    return str(typer.prompt("which column (1-4), none, a wish, or stop", default="stop", show_default=False)).strip()


def _read(answer: str) -> tuple[int | None, str]:
    """(column from 0, wish): "2" picks, "none" picks nothing, "2 darker" does both, and any other words are a wish."""
    first, _, rest = answer.partition(" ")
    if first.isdigit():
        return int(first) - 1, rest.strip()
    return None, "" if answer.casefold() == "none" else answer


def _print_turn(turn: Turn, sheet: Path, names: Mapping[str, str]) -> None:
    from palate.cli import printing

    if turn.fallback:
        printing.note(f"note: not all by the language model: {turn.fallback}")
    rows = [
        (at, column.category, column.text, *([names.get(column.model_id or "", "")] if names else []))
        for at, column in enumerate(turn.slate, 1)
    ]
    printing.table(("", "", "prompt", *(["model"] if names else [])), rows, title=f"turn {turn.number}")
    printing.line(f"pictures: {sheet}")


def _turn_told(turn: Turn) -> dict[str, Any]:
    slate = [
        {
            "text": column.text,
            "category": column.category,
            "pictures": list(column.pictures),
            "model": column.model_id,
        }
        for column in turn.slate
    ]
    told = {"number": turn.number, "prompt": turn.prompt, "wish": turn.wish, "writer": turn.writer}
    return {**told, "fallback": turn.fallback, "slate": slate, "picked": turn.picked}


def train_steering(
    simulated: Annotated[
        int, typer.Option("--simulated", min=30, help="Conversations of made people, over this home's pictures.")
    ] = 12_000,
    steps: Annotated[int, typer.Option("--steps", min=2, help="Of the value's learning.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    preferences: Annotated[
        Path | None, typer.Option("--preferences", help="A published file of what other people preferred.")
    ] = None,
    form: Annotated[
        str, typer.Option("--form", help="Its form: pickapic, hpd, imagereward, sac, or mapped with --fields.")
    ] = "pickapic",
    fields: Annotated[
        str | None, typer.Option("--fields", help="Of mapped rows: person,prompt,first,second,prefers_first.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="The folder of that file's pictures, named as it names them.")
    ] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Learn from everybody's answers here, and from made people, which slates lead to what a person likes."""
    from palate.cli import printing

    wanted: dict[str, Any] = {"simulated": simulated, "steps": steps, "seed": seed}
    if preferences is not None:
        wanted |= {"preferences": _published(preferences, form, fields), "pictures": pictures or preferences.parent}
    with studio(hub) as opened, printing.progress(quiet=json) as progress:
        told = opened.learn_steering(**wanted, progress=progress)
    printing.as_json(told) if json else printing.facts(told)


def _published(file: Path, form: str, fields: str | None) -> Iterator[Preference]:
    from palate.importers.preferences import Fields, read_preferences

    names = [] if fields is None else [name.strip() for name in fields.split(",")]
    if names and len(names) != 5:
        raise PalateError("mapping_invalid", "five fields are named", hint="person,prompt,first,second,prefers_first")
    if not file.is_file():
        raise PalateError("file_missing", "it is not there", about=str(file))
    return read_preferences(form, file, Fields(*names) if names else None)


def taste_show(person: Person = "me", hub: Hub = None, json: AsJson = False) -> None:
    """What a person likes, in words and pictures, and how sure that is."""
    from palate.cli import printing

    with studio(hub) as opened:
        told = opened.taste(person)
    printing.as_json(told) if json else printing.facts(told)


def taste_edit(
    person: Person = "me",
    more: Annotated[list[str] | None, typer.Option("--more", help="Words you want more of; may be repeated.")] = None,
    less: Annotated[list[str] | None, typer.Option("--less", help="Words you want less of; may be repeated.")] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", help="Words that are to count no more.")] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Say yourself what you like."""
    from palate.cli import printing
    from palate.steer import telling

    with studio(hub) as opened:
        told = telling.edit(opened.home, person, more=more or [], less=less or [], drop=drop or [])
    printing.as_json(told) if json else printing.facts(told)


def taste_reset(person: Person = "me", hub: Hub = None, json: AsJson = False) -> None:
    """Begin anew: what was chosen until now stays on record and teaches nothing."""
    from palate.cli import printing
    from palate.steer import telling

    with studio(hub) as opened:
        told = telling.reset(opened.home, person)
    printing.as_json(told) if json else printing.line(f"{person}: begun anew")


def taste_export(
    person: Person = "me",
    out: Annotated[Path | None, typer.Option("--out", help="A file; standard output by default.")] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Everything that is kept of a person's taste, as JSON."""
    from json import dumps

    from palate.cli import printing
    from palate.steer import telling

    with studio(hub) as opened:
        told = telling.export(opened.home, person)
    if out is None:
        printing.as_json(told)
        return
    out.write_text(dumps(told, indent=2) + "\n")
    printing.as_json({"file": str(out)}) if json else printing.line(f"written: {out}")


def taste_forget(person: Person, hub: Hub = None, json: AsJson = False) -> None:
    """Forget a person's choices, conversations and taste, for good."""
    from palate.cli import printing
    from palate.steer import telling

    with studio(hub) as opened:
        told = telling.forget(opened.home, person)
    printing.as_json(told) if json else printing.facts(told)


def evaluate_user_types(
    planted: Annotated[bool, typer.Option("--planted", help="On made people whose types are known.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="On real people: a folder with MovieLens 100K's u.data.")
    ] = None,
    poisoned: Annotated[
        bool, typer.Option("--poisoned", help="What 1, 5 and 10 % of attackers do to what others are shown.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Which random world, or which split of people.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the run's plain files; the home's runs/ by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """User types by EM: are planted ones found again; which of two films real people prefer, by number of types."""
    from palate.cli import printing
    from palate.cli.measuring import run_folder
    from palate.evaluate.user_types import evaluate_film_types, evaluate_planted_types, evaluate_poisoned_types

    if planted + (data is not None) + poisoned != 1:
        raise PalateError("nothing_asked", "say on whom to measure", hint="--planted, --poisoned, or --data DIR")
    folder = out or run_folder("user-types")
    if data is not None:
        answer = evaluate_film_types(data, seed=seed, out=folder)
    else:
        answer = (evaluate_poisoned_types if poisoned else evaluate_planted_types)(seed=seed, out=folder)
    printing.as_json(answer.as_json()) if json else printing.report(answer)


def evaluate_steering(
    people: Annotated[int, typer.Option("--people", min=10, max=100_000, help="Simulated people.")] = 500,
    bank: Annotated[str, typer.Option("--bank", help="Whose pictures: made, or pocket.")] = "made",
    recorded: Annotated[
        int, typer.Option("--recorded", min=20, help="Other people's conversations, from which people are known.")
    ] = 600,
    simulated: Annotated[
        int, typer.Option("--simulated", min=0, help="Made conversations to learn the value from; 0 leaves it out.")
    ] = 3000,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Learn the value from either kind of conversation alone as well.")
    ] = False,
    each: Annotated[int, typer.Option("--each", min=1, help="Conversations a simulated person.")] = 1,
    drawn: Annotated[
        int,
        typer.Option("--drawn", min=0, help="So many people again, with pictures drawn now (--bank pocket)."),
    ] = 0,
    other_things: Annotated[
        bool, typer.Option("--other-things", help="Learn on half of the things, lead over both halves (--bank pocket).")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Which world and which people.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write the run's plain files, and where a stopped one goes on."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Do simulated people end with pictures they truly like better? On a bank of prompts and pictures."""
    from palate.cli import printing
    from palate.cli.measuring import run_folder
    from palate.evaluate.steering import SteeringDesign
    from palate.evaluate.steering import evaluate_steering as measure

    design = SteeringDesign(
        people=people,
        bank=bank,
        recorded=recorded,
        simulated=simulated,
        ablation=ablation,
        each=each,
        drawn=drawn,
        other_things=other_things,
        seed=seed,
    )
    with printing.progress(quiet=json) as progress:
        answer = measure(design, out=out or run_folder("steering"), progress=progress)
    printing.as_json(answer.as_json()) if json else printing.report(answer)
