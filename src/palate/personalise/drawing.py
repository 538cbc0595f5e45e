"""`personalise`: what somebody liked in this home, told to a Janus, and new pictures kept as theirs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from palate import settings as settings_file
from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, Drawing, Picture, PictureState, Prompt, digest
from palate.encoders.places import find_folder
from palate.encoders.protocol import Encoder
from palate.errors import PalateError
from palate.people import holdings, persons
from palate.personalise import adapters
from palate.personalise.choosing import DRAWN, best_fitting
from palate.personalise.histories import LENGTH
from palate.personalise.janus import Janus, Seen, open_janus, version_of
from palate.personalise.reading import own_collection
from palate.personalise.sampling import GUIDANCE, sample
from palate.personalise.shelf import Shelf

FOLDER = "personalise"
KINDS = ("grpo", "sft")
"""Trained folders of a home, the one to draw with first."""
TOOL = "palate personalise"
HUB = "hub"
"""In place of a Janus' name: the models of the home (`palate.personalise.from_hub`)."""
SMALL, MOST = 100_000_000, 64
"""Weights below which four times as many pictures cost a second on a processor; and how many are drawn at most."""
Look = Callable[[list[str]], dict[str, Path]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn, with what, and from which liked pictures, the oldest first."""

    person: str
    network: str
    trained: str | None
    history: tuple[dict[str, str], ...]
    pictures: tuple[dict[str, Any], ...]
    took_s: float
    warnings: tuple[str, ...] = ()
    of: int = 0
    """Pictures that were drawn, of which these fit the history best."""
    because: tuple[str, ...] = ()
    """What the history seems to have in common, where that decided what was drawn."""

    def as_json(self) -> dict[str, Any]:
        return {
            "person": self.person,
            "network": self.network,
            "trained": self.trained,
            "history": list(self.history),
            "pictures": list(self.pictures),
            "of": self.of,
            "because": list(self.because),
            "took_s": round(self.took_s, 3),
            "warnings": list(self.warnings),
        }


def trained_folder(home: Path | None, base: str, kind: str | None = None) -> Path | None:
    """What was trained for this network: what `kind` says, else GRPO's, else SFT's, else nothing.

    What lies in the home comes first, then what ships in the network's own folder. What was trained on other weights
    of the same name does not count.
    """
    shipped = _folder_here(base)
    kinds = (kind,) if kind else KINDS
    places = [root / FOLDER / name for root in (home, shipped) if root is not None for name in kinds]
    there = [place for place in places if (place / adapters.TRAINED).is_file()]
    here = _version_here(base) if there else None
    return next((place for place in there if adapters.is_for(adapters.read_trained(place), base, here)), None)


def _folder_here(base: str) -> Path | None:
    """The network's folder, where nobody has to be asked for it: a hub's cache is looked into when it is opened."""
    if base != "pocket" and not Path(base).expanduser().is_dir():
        return None
    try:
        return find_folder(base, kind="janus")
    except PalateError:
        return None


def _version_here(base: str) -> str | None:
    try:
        return version_of(find_folder(base, kind="janus"))
    except PalateError:
        return None


def open_drawer(home: Path, base: str, *, device: str | None = None) -> tuple[Janus, str | None, Seen]:
    """The home's trained network where there is one, else the one of the setting as it comes."""
    place = trained_folder(home, base)
    if place is None:
        return open_janus(base, device=device), None, "vision"
    janus, trained = adapters.open_trained(place, device=device)
    return janus, trained.kind, trained.seen


def janus_of(home: Path, name: str | None = None) -> str:
    """The one that was named, else the setting's; the pocket's where that says the hub's own models."""
    base = name or settings_file.read(home).personaliser
    return "pocket" if base == HUB else base


def guidance_of(janus: Janus) -> float:
    """What the network's makers set, else Janus' own."""
    return float(getattr(janus.network.generation_config, "guidance_scale", None) or GUIDANCE)


def personalise(
    home: Home,
    opened: tuple[Janus, str | None, Seen],
    look: Look,
    person: str,
    *,
    count: int = 4,
    of: int = 0,
    encoder: Callable[[], Encoder] | None = None,
    seed: int = 0,
    out: Path | None = None,
    errand: str | None = None,
) -> Drawn:
    """`count` pictures from the latest of what a person liked; the same seed and history draw the same ones.

    They are the best fitting of `of` that are drawn, as `encoder` sees them: of 0, as many as cost little
    (`drawn_of`). They are held for `errand`, which asked for them.
    """
    require_count(max(count, of))
    began = time.perf_counter()
    janus, trained, seen = opened
    collection = own_collection(home, look, person)
    history = list(range(len(collection.items)))[-LENGTH:]
    shelf = Shelf(janus, collection, seen)
    guidance = guidance_of(janus)
    eyes, unseen = _eyes(encoder, of)
    made = count if eyes is None else max(of or drawn_of(janus, count), count)
    drawn = janus.decoded(sample(janus, shelf.told([history]), group=made, guidance=guidance, seed=seed).codes)
    if eyes is not None and made > count:
        liked = eyes.encode_pictures([collection.picture(at) for at in history])
        drawn = [drawn[at] for at in best_fitting([(eyes.encode_pictures(drawn), liked)], count)]
    items = [collection.items[at] for at in history]
    settings = {
        "network": janus.name,
        "trained": trained,
        "history": [item.id for item in items],
        "seen": seen,
        "guidance": guidance,
        "of": made,
        "seed": seed,
    }
    words = Prompt(f"drawn from what {person} liked")
    made_now = [Made(as_png(picture), words, seed + place, settings) for place, picture in enumerate(drawn)]
    pictures = kept(home, person, made_now, errand)
    return Drawn(
        person,
        janus.name,
        trained,
        tuple({"id": item.id, "words": item.words} for item in items),
        tuple(told(home, id, place, out) for place, id in enumerate(pictures)),
        time.perf_counter() - began,
        (*_warnings(janus.name, trained, len(items)), *unseen),
        made,
    )


def drawn_of(janus: Janus, count: int) -> int:
    """How many to draw for `count` to be shown: more where that takes seconds, by a small network or on a GPU."""
    small = sum(int(weight.numel()) for weight in janus.network.parameters()) < SMALL
    return min(count * DRAWN // 4, MOST) if small or janus.device != "cpu" else count


def _eyes(encoder: Callable[[], Encoder] | None, of: int) -> tuple[Encoder | None, list[str]]:
    """What chooses; where it does not open, what is drawn is shown, and where a choice was asked for, that is said."""
    if encoder is None:
        return None, []
    try:
        return encoder(), []
    except PalateError as error:
        return None, [f"nothing was chosen among more pictures: {error}"] if of else []


def _warnings(name: str, trained: str | None, known: int) -> list[str]:
    """The pocket's own training had histories in it; no other network's had."""
    said = []
    if trained is None and name != "pocket":
        said.append("nothing was trained on histories here: `palate train personalise sft --data DIR` teaches it")
    if known < LENGTH:
        said.append(f"only {known} liked pictures are known; {LENGTH} say more")
    return said


@dataclass(frozen=True, slots=True)
class Made:
    """A picture that is kept, and all that makes it again."""

    png: bytes
    words: Prompt
    seed: int
    settings: dict[str, Any]
    credits: tuple[Credit, ...] = ()


def kept(home: Home, person: str, made: Sequence[Made], errand: str | None) -> list[str]:
    """Blobs first, then rows, in one transaction; the pictures are the person's own, held for what asked for them."""
    from palate.safety.pictures import looks_degenerate

    ids = [home.blobs.put(one.png) for one in made]
    with home.write() as connection:
        rows, drawings = [], []
        for place, (id, one) in enumerate(zip(ids, made, strict=True)):
            picture = Image.open(io.BytesIO(one.png))
            state: PictureState = "degenerate" if looks_degenerate(picture.convert("RGB")) else "ok"
            rows.append(Picture(id, *picture.size, "PNG", len(one.png), state, owned=True))
            key = digest("drawing", TOOL, person, str(one.settings), str(place))
            drawings.append(Drawing(key, id, "drawn", one.credits, one.words, one.seed, one.settings, TOOL))
        picture_rows.put(connection, rows)
        picture_rows.put_drawings(connection, drawings)
        if any(known.id == person for known in persons.listed(connection)):
            holdings.hold(connection, person, errand or TOOL, [drawing.id for drawing in drawings])
    return ids


def told(home: Home, id: str, place: int, out: Path | None) -> dict[str, Any]:
    file = home.blobs.path(id)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        file = out / f"{place + 1:02d}-{id[:8]}.png"
        file.write_bytes(home.blobs.get(id))
    return {"id": id, "file": str(file)}


def as_png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def require_count(count: int) -> None:
    if not 1 <= count <= 64:
        raise PalateError("wrong_count", f"{count} pictures; 1 to 64 at a time", about="n")
