"""A hub of painters: eight models that draw landscapes, each in its own manner, so that pages have something to show.

What is drawn follows from model, words and seed alone. Vectors see colours and how a picture is laid out; the service,
the catalogue and every score are the real ones.
"""

from __future__ import annotations

import io
import json
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from PIL import Image

from palate.catalogue import choices
from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.records import Drawing, Model, Picture
from palate.encoders import opening
from palate.encoders.protocol import Vectors
from palate.errors import PalateError
from palate.generators.protocol import Order
from palate.people import holdings, persons
from palate.serve import errands
from palate.serve.app import application
from palate.serve.rates import Rate
from palate.serve.serving import Rates, Serving
from palate.specify import executors, ordering
from palate.studio import Studio
from palate.testing.fakes import FakeEncoder
from palate.testing.shapes import COLOURS, first_of

Paint = NDArray[np.float64]
SIDE = 192
PROMPTS = {
    "a red sun over the sea": "seaside",
    "an orange evening in the hills": "hills",
    "a blue mountain before dawn": "mountains",
    "a green valley after rain": "hills",
    "a purple dusk by the lake": "seaside",
    "a yellow field in summer": "hills",
    "a blue harbour at night": "seaside",
    "a green moon above a purple ridge": "mountains",
    "a red desert at noon": "hills",
    "an orange canyon": "mountains",
}
"""Words and what they are about."""
NEW_WORDS = "a red lighthouse in an orange storm"


@dataclass(frozen=True)
class Manner:
    """How a painter departs from what all paint."""

    light: float = 0.0
    depth: float = 1.0
    levels: int = 0
    ink: tuple[int, int, int] | None = None
    grain: float = 0.0
    ridges: int = 4
    waves: float = 2.0


MANNERS = {
    "Plein Air": Manner(),
    "Nocturne": Manner(light=-0.38, ridges=5),
    "Pastel": Manner(light=0.3, depth=0.6),
    "Woodcut": Manner(levels=3, depth=1.5, waves=4.0),
    "Mist": Manner(light=0.18, depth=0.35, ridges=7, waves=1.0),
    "Riso": Manner(grain=0.28, levels=5),
    "Sepia": Manner(ink=(150, 105, 60), depth=0.8),
    "Neon": Manner(depth=2.1, light=-0.12, ridges=3, waves=6.0),
}
DOWNLOADS = {"Plein Air": 48_210, "Nocturne": 9_300, "Pastel": 15_020, "Woodcut": 2_150, "Riso": 640, "Neon": 31_000}


def painted(manner: Manner, text: str, seed: int, side: int = SIDE) -> Image.Image:
    """Sky, a disc, and ridges one before the other, in the colour that the words name first."""
    rng = np.random.default_rng([seed, zlib.crc32(text.encode())])
    main = np.array(COLOURS[first_of(COLOURS, text) or "grey"]) / 255
    y, x = np.mgrid[0:side, 0:side] / side
    sky = 0.62 * np.array([0.93, 0.94, 0.98]) + 0.38 * main
    canvas: Paint = sky * (1 - 0.25 * y[..., None]) + 0.2 * y[..., None] * main
    disc = (x - rng.uniform(0.25, 0.75)) ** 2 + (y - rng.uniform(0.18, 0.34)) ** 2 < rng.uniform(0.06, 0.13) ** 2
    canvas[disc] = 0.35 * main + 0.65
    for number in range(manner.ridges):
        near = (number + 1) / manner.ridges
        turn, rise = rng.uniform(0, 6.28), rng.uniform(0.02, 0.1)
        edge = 0.42 + 0.5 * near * 0.9 - rise * np.sin(manner.waves * np.pi * x + turn) - 0.03 * np.sin(17 * x + turn)
        canvas[y > edge] = main * (1.12 - 0.72 * near) + 0.12 * (1 - near)
    return _in_manner(manner, canvas, rng)


def _in_manner(manner: Manner, canvas: Paint, rng: np.random.Generator) -> Image.Image:
    canvas = 0.5 + (canvas - 0.5) * manner.depth + manner.light
    if manner.ink is not None:
        grey = canvas.mean(2, keepdims=True)
        canvas = grey * np.array(manner.ink) / 150 * 0.95
    if manner.grain:
        canvas = canvas + manner.grain * (rng.random((*canvas.shape[:2], 1)) - 0.5)
    if manner.levels:
        canvas = np.round(canvas * manner.levels) / manner.levels
    return Image.fromarray((canvas.clip(0, 1) * 255).astype(np.uint8))


class PaintersEye(FakeEncoder):
    """`FakeEncoder`, which alone reads words, and beside it how a picture is laid out, so that a map has distances."""

    GRID = 6
    LAYOUT = 0.8

    def __init__(self) -> None:
        super().__init__("painters-eye")
        self.dim += 3 * self.GRID**2

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        named = super().encode_pictures(pictures)[:, : -3 * self.GRID**2]
        size = (self.GRID, self.GRID)
        pixels = [np.asarray(one.convert("RGB").resize(size), dtype=np.float32).ravel() for one in pictures]
        laid_out = np.stack(pixels) / 255 - 0.5
        share = self.LAYOUT / np.linalg.norm(laid_out, axis=1, keepdims=True)
        whole: Vectors = np.hstack([named, laid_out * share]).astype(np.float32)
        whole /= np.linalg.norm(whole, axis=1, keepdims=True)
        return whole


@dataclass
class Painter:
    """A generator, so that drawing in a page goes the whole way."""

    name: str
    batch: int = 1
    pause: float = 0.0

    def draw(self, orders: Sequence[Order]) -> list[Image.Image]:
        time.sleep(self.pause)
        return [painted(MANNERS[self.name], order.text, order.seed) for order in orders]

    def close(self) -> None:
        return None


def model_of(name: str) -> Model:
    plain = name.lower().replace(" ", "-")
    tags = ("dark",) if name in ("Nocturne", "Neon") else ("light",)
    words = (f"{plain} style",) if name in ("Woodcut", "Riso", "Neon") else ()
    base = "SDXL" if name in ("Riso", "Neon", "Mist") else "SD 1.5"
    return Model(
        f"m-{plain}",
        name,
        "pipeline",
        f"painted://{plain}",
        base=base,
        tags=tags,
        trigger_words=words,
        downloads=DOWNLOADS.get(name),
    )


def build_home(folder: Path) -> None:
    """Every painter paints every prompt."""
    with pytest.MonkeyPatch.context() as patch:
        use_painters(patch, pause=0)
        studio = Studio.create(str(folder))
        studio.config_set("encoder", "fake")
        with studio.home.write() as connection:
            model_rows.put(connection, [model_of(name) for name in MANNERS])
        prompts = folder.parent / "prompts.jsonl"
        prompts.write_text("".join(json.dumps({"prompt": text, "tag": tag}) + "\n" for text, tag in PROMPTS.items()))
        studio.specify(prompts=prompts)
        studio.close()


@dataclass
class Served:
    """A service that listens on a port of this machine."""

    address: str
    token: str
    serving: Serving

    def fresh_token(self) -> str:
        """The token is for one use; each browser of a test gets one of its own."""
        self.serving.token = "for-the-next-browser"
        return self.serving.token


@dataclass(frozen=True)
class PaintedFor:
    """What `Studio.personalise` answers, as far as the service looks."""

    pictures: tuple[dict[str, str], ...]
    warnings: tuple[str, ...] = ("painted without a network",)
    because: tuple[str, ...] = ()


def painted_for(studio: Studio, person: str, *, by: str | None, count: int, seed: int, errand: str) -> PaintedFor:
    """New pictures in the words and the manner of what was liked last; a network would need weights."""
    with studio.home.read() as connection:
        liked = choices.liked_pictures(connection, person)
        known = [one for id in liked for one in picture_rows.drawings_of(connection, id) if one.prompt and one.credits]
    if not known:
        raise PalateError("nothing_chosen", f"nothing is known of {person} that can be looked at")
    ids = []
    for at in range(count):
        like = known[at % len(known)]
        target = io.BytesIO()
        painted(MANNERS[like.credits[0].name], like.prompt.text if like.prompt else "", seed + at).save(target, "PNG")
        ids.append(studio.home.blobs.put(target.getvalue()))
    rows = [Picture(id, SIDE, SIDE, "PNG", 1, "ok", owned=True) for id in ids]
    drawings = [Drawing(f"{errand}{at}", id, "drawn", (), tool="painted") for at, id in enumerate(ids)]
    with studio.home.write() as connection:
        picture_rows.put(connection, rows)
        picture_rows.put_drawings(connection, drawings)
        holdings.hold(connection, person, errand, [drawing.id for drawing in drawings])
    because = (known[0].credits[0].name,) if by == "hub" else ()
    return PaintedFor(tuple({"id": id} for id in ids), because=because)


def use_painters(patch: pytest.MonkeyPatch, pause: float = 0.15) -> None:
    encoder = PaintersEye()
    patch.setattr(opening, "open_encoder", lambda *_, **__: encoder)
    patch.setattr(Studio, "personalise", painted_for)
    patch.setattr(executors, "generator_for", lambda model, *_: Painter(model.name, pause=pause))
    for used in (errands, ordering):
        patch.setattr(used, "open_workers", lambda *_, **__: executors.Serial())


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """The whole service over a socket; painting happens in this process."""
    with pytest.MonkeyPatch.context() as patch:
        use_painters(patch)
        rates = Rates(requests=Rate(1e9, 1e9), sign_in=Rate(1e9, 1e9), uploads=Rate(1e9, 1e9))
        studio = Studio.open(str(folder))
        serving = Serving(studio, rates=rates)
        with serving.home.write() as connection:
            persons.make(connection, "ada", "member", "correct horse battery")
        server = uvicorn.Server(
            uvicorn.Config(
                application(serving), port=0, log_level="warning", access_log=False, timeout_graceful_shutdown=3
            )
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the service did not start"
                time.sleep(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Served(f"http://127.0.0.1:{port}", serving.token or "", serving)
        finally:
            server.should_exit = True
            thread.join(20)
            studio.close()
