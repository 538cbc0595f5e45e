"""`palate personalise`, and the trainings behind it: `palate train personalise codes|sft|grpo`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from palate.cli.options import AsJson, Hub, studio
from palate.errors import PalateError

if TYPE_CHECKING:
    from palate.evaluate.personalise_planted import PlantedDesign
    from palate.evaluate.report import Report
    from palate.personalise.grpo import GrpoConfig
    from palate.personalise.guard import GuardConfig
    from palate.personalise.histories import Collection, Windows
    from palate.personalise.janus import Seen
    from palate.personalise.opening import Networks
    from palate.personalise.reinforcing import Reinforcement
    from palate.personalise.rewards import RewardConfig
    from palate.personalise.shelf import Shelf

STYLES = 8
"""Of the hub's models, for made people: nearly five hundred pictures on the pocket hub."""
MADE = 2000
"""Made people that a training learns from: two windows each."""
LOOKED_AT, FAR = 16, 0.25
"""Pictures that go through the codes and back before a training, and the share kept below which it says so."""
SMALL = 100_000_000
"""Weights below which a network learns at the rates of the pocket."""
Data = Annotated[
    Path | None,
    typer.Option("--data", help="MovieLens with posters (u.data or ratings.csv), PixelRec, or a labels.csv."),
]
Planted = Annotated[
    bool,
    typer.Option("--planted", help="Made people whose taste is known, of the hub's own pictures, in place of --data."),
]
Styles = Annotated[
    int, typer.Option("--styles", min=0, help="With --planted: of so many of the hub's models, drawn by lot; 0 is all.")
]
Retrieval = Annotated[
    list[str] | None,
    typer.Option("--retrieval", help="What recommends existing items; may be repeated, all four by default."),
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

Every = Annotated[int, typer.Option("--every", min=1, help="Steps between checkpoints and measurements.")]
Judge = Annotated[str, typer.Option("--judge", help="Who reads profiles: a captioner, or ADDRESS#MODEL.")]
Head = Annotated[Path | None, typer.Option("--head", help="A head of aesthetics; learned from damage without.")]
Rank = Annotated[
    int | None,
    typer.Option("--rank", min=0, help="Of the LoRA, 16; 0, as after codes, trains all of the language model."),
]
MadeAlike = Annotated[
    float, typer.Option("--alike", min=0.0, max=1.0, help="Share of histories made of what looks like the next item.")
]
Targets = Annotated[
    int, typer.Option("--targets", min=1, help="So many of what was liked next for each reading of a history.")
]
Shorter = Annotated[
    float, typer.Option("--shorter", min=0.0, max=1.0, help="Share of steps that tell fewer items of each history.")
]
Measured = Annotated[
    list[str] | None,
    typer.Option("--measure", help="Only this one, beside what no reward used; may be repeated, all by default."),
]
Drawing = Annotated[
    list[str] | None,
    typer.Option("--drawing", help="Only this of untrained, sft, grpo, or NAME=FOLDER of another; may be repeated."),
]
Of = Annotated[int, typer.Option("--of", min=4, help="Pictures of which those that fit the history best are chosen.")]
Begun = Annotated[
    Path | None, typer.Option("--from", help="What codes trained; the home's personalise/codes where it is.")
]
SeenBy = Annotated[str, typer.Option("--seen", help="How pictures of a history are read: vision, or codes.")]
Half = Annotated[bool, typer.Option("--half", help="Multiply in bfloat16: faster on CPUs with units for it.")]

train = typer.Typer(
    help="Teach a Janus to draw from histories: sft, then grpo; codes first, where its own cannot hold such pictures.",
    no_args_is_help=True,
)


def personalise(
    person: Annotated[str, typer.Option("--person", help="Whose history.")] = "me",
    by: Annotated[
        str | None, typer.Option("--by", help="hub: this home's own models; or a Janus. The setting by default.")
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=64, help="How many pictures.")] = 4,
    of: Annotated[
        int,
        typer.Option("--of", min=0, max=64, help="Draw so many, show what fits best; 0 is 4 times -n where quick."),
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed draws others.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="A folder to write copies to.")] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Draw new pictures straight from what a person liked, without a prompt."""
    from palate.cli import printing

    with studio(hub) as opened:
        drawn = opened.personalise(person, by=by, count=count, of=of, seed=seed, out=out)
    if json:
        printing.as_json(drawn.as_json())
        return
    printing.table(("picture", "file"), [(row["id"], row["file"]) for row in drawn.pictures])
    liked = "; ".join(row["words"] or row["id"][:12] for row in drawn.history)
    printing.note(f"from what {person} liked, the oldest first: {liked}")
    chosen = f", the best fitting of {drawn.of}" if drawn.of > count else ""
    printing.note(f"by {drawn.network}, {drawn.trained or 'as it comes'}{chosen}, {drawn.took_s:.1f} s")
    because = [f"it seems to be about {', '.join(drawn.because)}"] if drawn.because else []
    for said in (*because, *(f"note: {warning}" for warning in drawn.warnings)):
        printing.note(said)


@train.command("codes")
def codes(
    data: Data = None,
    planted: Planted = False,
    styles: Styles = STYLES,
    pictures: Posters = None,
    janus: Base = None,
    out: Out = None,
    resume: Resume = False,
    rate: Annotated[float, typer.Option("--rate", help="Learning rate.")] = 5e-4,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Pictures a step.")] = 32,
    texture: Annotated[
        float, typer.Option("--texture", min=0.0, help="Weight of what a place's grain is like; 0 blurs.")
    ] = 1.0,
    half: Half = False,
    every: Every = 50,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps.")] = 400,
    seed: Seed = 0,
    device: Device = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """First, for pictures of another kind: codes that can hold them. sft then begins from these, with all weights."""
    from palate.cli import printing
    from palate.personalise.codes import CodesConfig, train_codes

    collection = _collection(data, pictures, hub, styles if planted else None)
    shelf, parts = _opened(collection, janus, None, device, hub)
    place = out or _home(hub) / "codes"
    config = CodesConfig(rate=rate, steps=steps, batch=batch, texture=texture, every=every, half=half, seed=seed)
    printing.note(f"{steps} steps of {batch} pictures, log: {place / 'log.jsonl'}")
    last = train_codes(shelf.janus, collection, parts, place, config, resume=resume, say=_said)
    answer = {"in": str(place), **last}
    printing.as_json(answer) if json else printing.facts(answer)


@train.command("sft")
def sft(
    data: Data = None,
    planted: Planted = False,
    styles: Styles = STYLES,
    pictures: Posters = None,
    janus: Base = None,
    begin: Begun = None,
    seen: SeenBy = "vision",
    out: Out = None,
    resume: Resume = False,
    rate: Annotated[
        float | None, typer.Option("--rate", help="Learning rate; 5e-4 for a LoRA or small network, else 4e-5.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="How often each window is learned from.")] = 1,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Windows a step.")] = 16,
    part: Annotated[int, typer.Option("--part", min=1, help="Windows that go through the network at a time.")] = 16,
    rank: Rank = None,
    alike: MadeAlike = 0.0,
    shorter: Shorter = 0.25,
    targets: Targets = 1,
    frugal: Annotated[bool, typer.Option("--frugal", help="Recompute activations: slower, much less memory.")] = False,
    half: Half = False,
    every: Every = 100,
    steps: Steps = 0,
    seed: Seed = 0,
    device: Device = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Supervised: the next item's picture after each history. Killed at any point, --resume goes on as it was."""
    from palate.cli import printing
    from palate.personalise.sft import SftConfig, train_sft

    way, collection = _way(seen), _collection(data, pictures, hub, styles if planted else None)
    before = begin or _codes(janus, hub)
    shelf, parts = _opened(collection, janus, way, device, hub, before=before)
    place = out or _home(hub) / "sft"
    rank = rank if rank is not None else (16 if before is None else 0)
    config = SftConfig(
        rate=rate or (5e-4 if rank or _is_small(shelf) else 4e-5),
        epochs=epochs,
        batch=batch,
        part=min(part, batch),
        rank=rank,
        alike=alike,
        shorter=shorter,
        targets=targets,
        every=every,
        most=steps,
        frugal=frugal,
        half=half,
        seed=seed,
    )
    _warn_where_far(shelf, parts)
    printing.note(f"{len(parts.train)} windows, {config.steps(len(parts.train))} steps, log: {place / 'log.jsonl'}")
    last = train_sft(shelf, parts, place, config, before=before, resume=resume, say=_said)
    answer = {"in": str(place), **last}
    printing.as_json(answer) if json else printing.facts(answer)


def _way(seen: str) -> Seen:
    if seen not in ("vision", "codes"):
        raise PalateError("unknown_way", f"'{seen}' is none of vision, codes", about="seen")
    return "codes" if seen == "codes" else "vision"


@train.command("grpo")
def grpo(
    data: Data = None,
    planted: Planted = False,
    styles: Styles = STYLES,
    pictures: Posters = None,
    begin: Annotated[
        Path | None, typer.Option("--from", help="What sft trained; the home's personalise/sft by default.")
    ] = None,
    rewards: Annotated[
        str,
        typer.Option("--rewards", help="Weights such as cis-history=1,aesthetics=0.5, or -cis-future to leave out."),
    ] = "",
    clip: Annotated[str, typer.Option("--clip", help="The encoder of words and pictures that rewards use.")] = "pocket",
    dino: Annotated[str, typer.Option("--dino", help="The encoder of looks that rewards use.")] = "pocket:dino",
    judge: Judge = "pocket",
    head: Head = None,
    unseen: Annotated[
        list[str] | None, typer.Option("--unseen", help="An encoder that looks on, used by no reward; may be repeated.")
    ] = None,
    out: Out = None,
    resume: Resume = False,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps.")] = 200,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE of any other setting, such as group=8; may be repeated."),
    ] = None,
    seed: Seed = 0,
    device: Device = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """By rewards: groups of pictures for a history, up on the better ones. It stops by itself where it is hacked."""
    from palate.cli import printing
    from palate.personalise.opening import Networks
    from palate.personalise.reinforcing import train_grpo
    from palate.personalise.rewards import of_text

    weights = of_text(rewards)
    place, before = out or _home(hub) / "grpo", begin or _home(hub) / "sft"
    collection = _collection(data, pictures, hub, styles if planted else None)
    shelf, parts = _opened(collection, None, None, device, hub, before=before)
    config, guard = _settings(shelf, settings or [], steps, seed)
    networks = Networks(clip, dino, judge, head, device)
    run, notes = _reinforcement(shelf, parts, weights, networks, unseen or [], config, guard, must=bool(rewards))
    for note in notes:
        printing.note(f"note: {note}")
    printing.note(f"{len(parts.train)} histories, {steps} steps, curves: {place / 'curves.svg'}")
    last = train_grpo(run, place, before=before, resume=resume, say=_said)
    answer = {"in": str(place), **last}
    printing.as_json(answer) if json else printing.facts(answer)


def evaluate(
    data: Annotated[
        Path | None, typer.Option("--data", help="As for training; with --planted pictures with a labels.csv.")
    ] = None,
    planted: Annotated[
        bool,
        typer.Option("--planted", help="Made people whose taste is known, of --data or of the hub's own pictures."),
    ] = False,
    pictures: Posters = None,
    styles: Styles = STYLES,
    people: Annotated[int, typer.Option("--people", min=10, help="Windows of the last tenth of time.")] = 200,
    janus: Base = None,
    clip: Annotated[str, typer.Option("--clip", help="The encoder of CTS and CIS.")] = "pocket",
    dino: Annotated[str, typer.Option("--dino", help="The encoder of DIS.")] = "pocket:dino",
    judge: Judge = "pocket",
    head: Head = None,
    unseen: Annotated[
        list[str] | None, typer.Option("--unseen", help="An encoder that no reward used; may be repeated.")
    ] = None,
    retrieval: Retrieval = None,
    measure: Measured = None,
    drawing: Drawing = None,
    of: Of = 16,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write the run's plain files.")] = None,
    device: Device = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Drawn pictures beside what recommenders find: relevance, looks, copies, collapse, and whether it listens."""
    from palate.cli import printing
    from palate.cli.measuring import run_folder
    from palate.evaluate.personalise import PersonaliseDesign, evaluate_personalise, known_measures
    from palate.evaluate.personalise_methods import known, known_drawers
    from palate.evaluate.personalise_planted import PlantedDesign
    from palate.personalise.opening import Networks
    from palate.settings import home_folder

    home, base, place = home_folder(hub), _base(janus, hub), out or run_folder("personalise")
    if data is None and not planted:
        raise PalateError("nothing_asked", "say on what to measure", hint="--data DIR, or --planted")
    with printing.progress(quiet=json) as progress:
        if data is None or planted:
            judged, eyes, drawers = (unseen or ["plain-look"])[0], (clip, dino), known_drawers(drawing)
            asked = PlantedDesign(people, base, judged, device, seed, choosers=eyes, drawing=drawers, of=of)
            answer = _planted(data, asked, hub, styles, place, progress)
        else:
            design = PersonaliseDesign(
                people,
                base,
                Networks(clip, dino, judge, head, device),
                tuple(unseen or ()),
                known_measures(measure),
                known(retrieval),
                known_drawers(drawing),
                of=of,
                seed=seed,
            )
            answer = evaluate_personalise(data, design, home=home, pictures=pictures, out=place, progress=progress)
    printing.as_json(answer.as_json()) if json else printing.report(answer)


def _planted(
    data: Path | None,
    design: PlantedDesign,
    hub: str | None,
    styles: int,
    place: Path,
    progress: Callable[[str, int, int], None],
) -> Report:
    from palate.evaluate.personalise_planted import evaluate_planted
    from palate.personalise.from_hub import hand_of
    from palate.personalise.planted import pool_of_home, read_pool
    from palate.settings import home_folder

    if data is not None:
        return evaluate_planted(read_pool(data), design, home=home_folder(hub), out=place, progress=progress)
    with studio(hub) as opened:
        pool = pool_of_home(opened.home, opened.look, styles=styles)
        folder, draw = opened.home.folder, hand_of(opened.home, opened.settings)
        return evaluate_planted(pool, design, home=folder, draw=draw, out=place, progress=progress)


def _settings(shelf: Shelf, said: list[str], steps: int, seed: int) -> tuple[GrpoConfig, GuardConfig]:
    """Of the run and of its guard, by the names that the guide lists."""
    from dataclasses import fields, replace

    from palate.personalise.grpo import GrpoConfig
    from palate.personalise.guard import GuardConfig

    made: list[Any] = [GrpoConfig(rate=1e-4 if _is_small(shelf) else 1e-5, steps=steps, seed=seed), GuardConfig()]
    for one in said:
        name, _, text = one.partition("=")
        at = next((at for at, config in enumerate(made) if name in {row.name for row in fields(config)}), None)
        if at is None:
            names = ", ".join(row.name for config in made for row in fields(config))
            raise PalateError("unknown_setting", f"there is no setting '{name}'", hint=f"one of {names}")
        kind = type(getattr(made[at], name))
        try:
            value = text.casefold() in ("true", "yes", "1") if kind is bool else kind(text)
        except ValueError:
            raise PalateError("wrong_setting", f"'{text}' is not {kind.__name__}", about=name) from None
        made[at] = replace(made[at], **{name: value})
    return made[0], made[1]


def _reinforcement(
    shelf: Shelf,
    parts: Windows,
    weights: RewardConfig,
    networks: Networks,
    unseen: list[str],
    config: GrpoConfig,
    guard: GuardConfig,
    *,
    must: bool,
) -> tuple[Reinforcement, list[str]]:
    from palate.personalise.guard import Watch
    from palate.personalise.opening import Cabinet, taught_items
    from palate.personalise.reinforcing import Reinforcement

    cabinet = Cabinet(shelf.collection, networks)
    trained, notes = cabinet.rewards(weights, group=config.group, taught=taught_items(parts.train), must=must)
    onlookers = cabinet.unseen(unseen, trained)
    kept = [reward for reward in trained if reward.name != "diversity"]  # its groups are not those of a look
    watch = Watch(
        shelf.collection, parts.valid[: guard.windows], kept, weights.weights(), onlookers, onlookers[0].space
    )
    return Reinforcement(shelf, parts.train, trained, weights, watch, config, guard), notes


def _is_small(shelf: Shelf) -> bool:
    return sum(int(weight.numel()) for weight in shelf.janus.network.parameters()) < SMALL


def _codes(base: str | None, hub: str | None) -> Path | None:
    """What `codes` trained for this network in the home."""
    from palate.personalise.drawing import trained_folder

    return trained_folder(_home(hub).parent, _base(base, hub), "codes")


def _base(name: str | None, hub: str | None) -> str:
    from palate.personalise.drawing import janus_of
    from palate.settings import home_folder

    return janus_of(home_folder(hub), name)


def _home(hub: str | None) -> Path:
    from palate.personalise.drawing import FOLDER
    from palate.settings import home_folder

    return home_folder(hub) / FOLDER


def _collection(data: Path | None, pictures: Path | None, hub: str | None, styles: int | None) -> Collection:
    """What `--data` says; with `styles` made people who like the hub's own pictures, less those kept for asking."""
    from palate.personalise.planted import planted_people, pool_of_home
    from palate.personalise.reading import read_collection

    if styles is not None and data is None:
        with studio(hub) as opened:
            pool = pool_of_home(opened.home, opened.look, styles=styles)
        return planted_people(pool.part(held=False), people=MADE)[0]
    if data is None:
        raise PalateError("nothing_asked", "say from what to learn", hint="--data DIR, or --planted")
    return read_collection(data, pictures=pictures)


def _opened(
    collection: Collection,
    base: str | None,
    seen: Seen | None,
    device: str | None,
    hub: str | None,
    *,
    before: Path | None = None,
) -> tuple[Shelf, Windows]:
    """The data was read before: a wrong folder is said before a large network is opened."""
    from palate.personalise import adapters
    from palate.personalise.histories import split_by_time
    from palate.personalise.janus import open_janus
    from palate.personalise.shelf import Shelf

    parts = split_by_time(collection)
    if before is None:
        janus = open_janus(_base(base, hub), device=device)
        return Shelf(janus, collection, seen or "vision"), parts
    if not (before / adapters.TRAINED).is_file():
        hint = "`palate train personalise sft --data DIR` first, or name it with --from"
        raise PalateError("not_trained", "there is nothing that sft trained", about=str(before), hint=hint)
    janus, trained = adapters.open_trained(before, device=device)
    return Shelf(janus, collection, seen or trained.seen), parts


def _warn_where_far(shelf: Shelf, parts: Windows) -> None:
    """Nothing that is trained in front of its codes can draw what the codes cannot; `codes` can mend that."""
    from palate.cli import printing

    targets = list(dict.fromkeys(window.target for window in parts.train))
    some = [shelf.collection.picture(item) for item in targets[:: max(1, len(targets) // LOOKED_AT)][:LOOKED_AT]]
    kept = shelf.janus.given_back(some)
    if kept < FAR:
        said = "less than their mean colours would say" if kept < 0 else f"{kept:.0%} of what is in them"
        printing.note(f"note: these pictures are not of the kind that {shelf.janus.name} draws: its codes keep {said}")
        printing.note("note: `palate train personalise codes` with the same data teaches it such codes first")


def _said(row: dict[str, Any]) -> None:
    from palate.cli import printing

    told = " ".join(f"{name} {value:.4g}" for name, value in row.items() if isinstance(value, float))
    printing.note(f"[{row['step'] + 1}] {told}{' ' + row['alarm'] if 'alarm' in row else ''}")
