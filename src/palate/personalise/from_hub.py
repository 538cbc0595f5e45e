"""Pictures for a person by the hub's own models: hunches say who draws and what, and the few that show them best stay.

Where a Janus draws straight from the pictures of a history, this asks models that draw well already. Which of them, and
which words, follows from what the hub knows of its own pictures; the pictures are new, by seeds of their own.
"""

from __future__ import annotations

import io
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue import vectors
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, CreditRole, Model, Prompt, digest
from palate.catalogue.vectors import Space
from palate.encoders.protocol import Encoder
from palate.errors import PalateError
from palate.find.filters import Filters
from palate.generators.opening import drawn_in_one_go
from palate.personalise import drawing
from palate.personalise.drawing import HUB, Look
from palate.personalise.histories import LENGTH
from palate.personalise.hunches import Hunch, Known, Labels, hunches, learn, showing
from palate.personalise.planted import ink_colour
from palate.personalise.reading import own_collection
from palate.safety.pictures import open_picture
from palate.settings import Settings
from palate.specify import orders
from palate.specify.again import at_hand
from palate.specify.encoding import space_of
from palate.specify.executors import Batch, draw_batch
from palate.specify.ordering import able_models, wanted_settings, with_full_hashes

TRIED = 32
"""Pictures that are drawn for a person, of which the best few are shown, where several come at once."""
HANDS = 4
"""Models that draw for one person, where it is not they who matter."""
MOST, COLOURED = 20_000, 300
"""Pictures that are learned from, and of these whose colours are measured."""
STYLE, TOPIC, COLOUR = "style", "topic", "colour"
SEEDS = 2**31
SAID = 0.05
"""A hunch that weighs less is not told."""
See = Callable[[Sequence[Image.Image]], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Wish:
    """A picture to be drawn."""

    model: str
    words: str
    seed: int


@dataclass(frozen=True, eq=False)
class Repertoire:
    """Pictures of a hub: who drew each, in which words, and what is known of it besides; what was learned of them."""

    models: Sequence[str]
    words: Sequence[str]
    labels: Sequence[Labels]
    known: Known

    @classmethod
    def of(
        cls, models: Sequence[str], words: Sequence[str], labels: Sequence[Labels], vectors: NDArray[Any]
    ) -> Repertoire:
        return cls(models, words, labels, learn(vectors, labels))


def wishes(repertoire: Repertoire, held: Sequence[Hunch], count: int, chance: np.random.Generator) -> list[Wish]:
    """As many for each hunch as it weighs; without any, whatever was drawn.

    For a style any words, for a topic any of a few hands (opening one costs more than a picture); for anything else a
    pair that gave it once.
    """
    every = np.arange(len(repertoire.models))
    hands = chance.choice(every, HANDS)
    parts = [(hunch.kind, _rows(repertoire, hunch), hunch.weight) for hunch in held] or [("", every, 1.0)]
    shares = chance.choice(len(parts), count, p=np.array([weight for *_, weight in parts]))
    found = []
    for at in np.sort(shares):
        kind, own, _ = parts[at]
        drawer = said = int(chance.choice(own))
        if kind == STYLE:
            said = int(chance.choice(every))
        elif kind == TOPIC:
            drawer = int(chance.choice(hands))
        found.append(Wish(repertoire.models[drawer], repertoire.words[said], int(chance.integers(SEEDS))))
    return found


def _rows(repertoire: Repertoire, hunch: Hunch) -> NDArray[np.int64]:
    return np.array([at for at, row in enumerate(repertoire.labels) if row.get(hunch.kind) == hunch.value])


def best_of(
    repertoire: Repertoire, held: Sequence[Hunch], wanted: Sequence[Wish], drawn: NDArray[Any], count: int
) -> list[int]:
    """Places of those that show best what is believed, the best first; none of the same words while there are others.

    Of one topic one thing is the easiest to tell, and four of it are no choice. `drawn`: vectors (n, d)
    """
    order = [int(at) for at in np.argsort(-showing(repertoire.known, drawn, held), kind="stable")]
    first = {wanted[at].words: at for at in reversed(order)}
    ahead = [at for at in order if first[wanted[at].words] == at]
    return [*ahead, *(at for at in order if at not in ahead)][:count]


def for_history(
    repertoire: Repertoire,
    history: NDArray[Any],
    see: See,
    draw: Callable[[Sequence[Wish]], list[bytes]],
    *,
    count: int = 4,
    of: int = TRIED,
    seed: int = 0,
) -> tuple[list[Hunch], list[tuple[Wish, bytes]]]:
    """What is believed of somebody whose history has these vectors, and `count` of `of` pictures drawn on it."""
    held = hunches(repertoire.known, history)
    wanted = wishes(repertoire, held, max(of, count), np.random.default_rng(seed))
    drawn = draw(wanted)
    best = best_of(repertoire, held, wanted, see([opened(png) for png in drawn]), count)
    return held, [(wanted[at], drawn[at]) for at in best]


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def personalise(
    home: Home,
    settings: Settings,
    encoder: Encoder,
    look: Look,
    person: str,
    *,
    count: int = 4,
    of: int = 0,
    seed: int = 0,
    out: Path | None = None,
    errand: str | None = None,
) -> drawing.Drawn:
    """As `drawing.personalise`, by the models of this home; each picture names the one that drew it and its words."""
    drawing.require_count(max(count, of))
    began = time.perf_counter()
    collection = own_collection(home, look, person)
    history = list(range(len(collection.items)))[-LENGTH:]
    items = [collection.items[at] for at in history]
    liked = encoder.encode_pictures([collection.picture(at) for at in history])
    models, everything = repertoire_models(home, settings)
    names = {model.id: model.name for model in everything}
    repertoire = repertoire_of(home, space_of(encoder), set(models))
    many = max(of or (TRIED if draws_quickly(models.values(), everything, settings.device) else count), count)
    held, shown = for_history(
        repertoire, liked, encoder.encode_pictures, hand_of(home, settings), count=count, of=many, seed=seed
    )
    told = {"network": HUB, "history": [item.id for item in items], "of": many, "seed": seed}
    made = [
        drawing.Made(png, Prompt(wish.words), wish.seed, {**told, "model": wish.model}, (_credit(models[wish.model]),))
        for wish, png in shown
    ]
    pictures = drawing.kept(home, person, made, errand)
    return drawing.Drawn(
        person,
        HUB,
        ", ".join(dict.fromkeys(models[wish.model].name for wish, _ in shown)),
        tuple({"id": item.id, "words": item.words} for item in items),
        tuple(drawing.told(home, id, place, out) for place, id in enumerate(pictures)),
        time.perf_counter() - began,
        tuple(warnings_of(len(items), held)),
        many,
        tuple(f"{names.get(one.value, one.value)} ({one.kind}, {one.weight:.0%})" for one in held if one.weight > SAID),
    )


def _credit(model: Model) -> Credit:
    role: CreditRole = "adapter" if model.kind == "adapter" else "checkpoint"
    return Credit(model.name, role, 1.0, model.full_hash, model.id, "given")


def warnings_of(known: int, held: Sequence[Hunch]) -> list[str]:
    said = []
    if known < LENGTH:
        said.append(f"only {known} liked pictures are known; {LENGTH} say more")
    if not held:
        said.append("too little is drawn here yet to say what they have in common: these are of anything")
    return said


def repertoire_models(home: Home, settings: Settings) -> tuple[dict[str, Model], list[Model]]:
    """Models that can draw, whose base is here, and that may be shown; and every model."""
    able, everything = able_models(home, None)
    filters = Filters(safe=settings.safe)
    found = {}
    for model in able:
        with suppress(PalateError):
            orders.base_of(model, everything)
            found[model.id] = model
    return {id: model for id, model in found.items() if filters.passes(model)}, everything


def repertoire_of(home: Home, space: Space, models: Set[str]) -> Repertoire:
    """Pictures that these models are known by, some at random where there are very many.

    A style is a model, a topic a prompt's tag, or its words where it has none; colours are measured where pixels lie
    at hand, of some.
    """
    with home.read() as connection:
        rows = {row.picture_id: row for row in picture_rows.evidence(connection) if row.model_id in models}
        prompts = picture_rows.prompts(connection)
        said = [id for id, row in rows.items() if row.prompt_id in prompts]
        some = [said[at] for at in np.random.default_rng(0).permutation(len(said))[:MOST].tolist()]
        ids, found = vectors.load(connection, space, "picture", sorted(some))
    if not ids:
        raise PalateError("nothing_drawn", "no model here is known by a picture and its words", hint="`palate specify`")
    colours = colours_of(home, ids)
    texts = [prompts[str(rows[id].prompt_id)] for id in ids]
    labels = [
        {STYLE: rows[id].model_id, TOPIC: prompt.tag or prompt.text, COLOUR: colours.get(id, "")}
        for id, prompt in zip(ids, texts, strict=True)
    ]
    return Repertoire.of([rows[id].model_id for id in ids], [prompt.text for prompt in texts], labels, found)


def colours_of(home: Home, ids: Sequence[str]) -> dict[str, str]:
    """The ink's colour of as many pictures as are quickly looked at."""
    derived = {path.stem for path in (home.derived / "pictures").glob("*/*.png")}
    order = sorted(ids, key=lambda id: (id not in derived, digest("colour", id)))
    found: dict[str, str] = {}
    for id in order[: 2 * COLOURED]:
        path = at_hand(home, id)
        if path is not None:
            with suppress(PalateError):
                found[id] = ink_colour(open_picture(path))
        if len(found) == COLOURED:
            break
    return found


def draws_quickly(models: Iterable[Model], everything: Sequence[Model], device: str) -> bool:
    """Whether whichever draws, several come at once: small networks, and larger ones on a GPU."""
    return all(drawn_in_one_go(model, orders.base_of(model, everything), device) > 1 for model in models)


def hand_of(home: Home, settings: Settings) -> Callable[[Sequence[Wish]], list[bytes]]:
    """Draws wishes with the models of a home, whose files are as they were, as PNG bytes in the wishes' order."""
    with home.read() as connection:
        models = {model.id: model for model in model_rows.listed(connection)}

    def draw(wanted: Sequence[Wish]) -> list[bytes]:
        asked = [models[id] for id in dict.fromkeys(wish.model for wish in wanted) if id in models]
        models.update({model.id: model for model in with_full_hashes(home, asked)})
        return drawn_by_hub(models, settings, wanted)

    return draw


def drawn_by_hub(models: Mapping[str, Model], settings: Settings, wanted: Sequence[Wish]) -> list[bytes]:
    """PNG bytes in the order of the wishes; model by model, so that each is loaded once."""
    of_model: dict[str, list[int]] = defaultdict(list)
    for at, wish in enumerate(wanted):
        of_model[wish.model].append(at)
    found: dict[int, bytes] = {}
    for id, places in sorted(of_model.items()):
        model = models.get(id)
        if model is None:
            raise PalateError("unknown_model", "it is no model of this hub", about=id)
        base = orders.base_of(model, list(models.values()))
        at_once = drawn_in_one_go(model, base, settings.device)
        for start in range(0, len(places), at_once):
            part = places[start : start + at_once]
            tasks = tuple(
                orders.task_for(model, base, Prompt(wanted[at].words), wanted[at].seed, wanted_settings(settings))
                for at in part
            )
            for at, picture in zip(part, draw_batch(Batch(model, base, tasks, settings.device)), strict=True):
                found[at] = picture.png
    return [found[at] for at in range(len(wanted))]
