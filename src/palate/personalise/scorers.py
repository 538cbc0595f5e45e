"""The rewards themselves, one class a kind: relevance by CLIP and by DINO, patches and structure, diversity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.encoders.protocol import Encoder
from palate.metrics import likeness
from palate.personalise.histories import Collection, Window
from palate.personalise.rewards import Floats

Against = Literal["history", "target", "future"]
PAPER = "arXiv 2506.01704"
SIDE = 64
"""Structure and sharpness are compared at so many pixels a side: what the pocket draws, and nearly a real poster."""
Maps = list[NDArray[np.float32]]


def items_of(window: Window, against: Against) -> tuple[int, ...]:
    return {"history": window.history, "target": (window.target,), "future": window.future}[against]


class Space:
    """One encoder over a collection: items are encoded once, and a batch of drawn pictures once for all that ask."""

    def __init__(self, encoder: Encoder, collection: Collection) -> None:
        self.encoder, self.collection = encoder, collection
        self._pictures: dict[int, NDArray[np.float32]] = {}
        self._words: dict[int, NDArray[np.float32]] = {}
        self._latest: tuple[object, NDArray[np.float32]] | None = None

    def pictures(self, items: Sequence[int]) -> NDArray[np.float32]:
        """(n, d)"""
        new = [item for item in dict.fromkeys(items) if item not in self._pictures]
        if new:
            found = self.encoder.encode_pictures([self.collection.picture(item) for item in new])
            self._pictures.update(zip(new, found, strict=True))
        return np.array([self._pictures[item] for item in items])

    def words(self, items: Sequence[int]) -> NDArray[np.float32]:
        """(n, d)"""
        new = [item for item in dict.fromkeys(items) if item not in self._words]
        if new:
            found = self.encoder.encode_words([self.collection.items[item].words for item in new])
            self._words.update(zip(new, found, strict=True))
        return np.array([self._words[item] for item in items])

    def drawn(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(n, d); the same list that was asked for last is not encoded again, nor a picture that is in it twice."""
        if self._latest is None or self._latest[0] is not pictures:
            once, places = each_once(pictures)
            self._latest = pictures, self.encoder.encode_pictures(once)[places]
        return self._latest[1]


@dataclass
class Relevance:
    """100 cos(drawn, item), the mean over the items of one side of a window: CTS (words), CIS and DIS (pictures)."""

    name: str
    space: Space
    against: Against
    words: bool = False
    paper: str = PAPER
    higher: bool = True
    span: tuple[float, float] = (0.0, 100.0)

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:
        seen = self.space.drawn(drawn)
        own = [items_of(window, self.against) for window in windows]
        encoded = self.space.words if self.words else self.space.pictures
        flat = encoded([item for items in own for item in items])
        found, start = np.full(len(drawn), np.nan), 0
        for row, items in enumerate(own):
            if items:
                found[row] = 100.0 * float((flat[start : start + len(items)] @ seen[row]).mean())
            start += len(items)
        return found


@dataclass
class Structure:
    """SSIM to the pictures of one side of a window, the mean over them; all squashed to one size."""

    collection: Collection
    against: Against = "history"
    paper: str = "Wang et al. 2004"
    higher: bool = True
    span: tuple[float, float] = (0.0, 1.0)
    _known: dict[int, Floats] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return f"ssim-{self.against}"

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:
        found = np.full(len(drawn), np.nan)
        for row, (picture, window) in enumerate(zip(drawn, windows, strict=True)):
            mine = pixels_of(picture)
            each = [likeness.ssim(mine, self._of(item)) for item in items_of(window, self.against)]
            found[row] = float(np.mean(each)) if each else np.nan
        return found

    def _of(self, item: int) -> Floats:
        if item not in self._known:
            self._known[item] = likeness.grey(pixels_of(self.collection.picture(item)))
        return self._known[item]


@dataclass
class Patches:
    """LPIPS' distance with unit weights over an extractor's layers, to one side of a window; less is better."""

    collection: Collection
    extract: Callable[[Sequence[Image.Image]], list[Maps]]
    """Pictures to their layers, each (places, channels)."""
    against: Against = "history"
    paper: str = "Zhang et al. 2018"
    higher: bool = False
    span: tuple[float, float] = (4.0, 0.0)
    _known: dict[int, Maps] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return f"lpips-{self.against}"

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:
        own = [items_of(window, self.against) for window in windows]
        new = list(dict.fromkeys(item for items in own for item in items if item not in self._known))
        if new:
            self._known.update(zip(new, self.extract([self.collection.picture(item) for item in new]), strict=True))
        once, places = each_once(drawn)
        mine = self.extract(once)
        return np.array(
            [
                np.mean([likeness.perceptual_distance(mine[at], self._known[item]) for item in items])
                if items
                else np.nan
                for at, items in zip(places, own, strict=True)
            ]
        )


@dataclass
class Unlike:
    """1 - the mean cosine to the other pictures of its group: what keeps a policy from drawing one picture for all."""

    space: Space
    group: int
    name: str = "diversity"
    paper: str = "not in the paper"
    higher: bool = True
    span: tuple[float, float] = (0.0, 1.0)

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:
        if self.group < 2:
            return np.full(len(windows), np.nan)
        rows = self.space.drawn(drawn).reshape(len(drawn) // self.group, self.group, -1).astype(np.float64)
        alike = rows @ rows.transpose(0, 2, 1)
        found: Floats = 1.0 - (alike.sum(axis=2) - 1.0) / (self.group - 1)
        return found.reshape(-1)


@dataclass
class Listening:
    """100 cos to the pictures of one's own history, less that to the others' of the batch.

    What suits everybody (hacking drew one popular poster for all) is worth nothing here; only what listens is.
    """

    space: Space
    name: str = "listening"
    paper: str = "not in the paper"
    higher: bool = True
    span: tuple[float, float] = (-100.0, 100.0)

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:
        found = np.full(len(drawn), np.nan)
        told = list(dict.fromkeys(window.history for window in windows if window.history))
        if len(told) < 2:
            return found
        means = np.array([self.space.pictures(history).mean(axis=0) for history in told])
        fits = 100.0 * (self.space.drawn(drawn) @ means.T).astype(np.float64)
        place = {history: at for at, history in enumerate(told)}
        for row, window in enumerate(windows):
            if window.history:
                own = fits[row, place[window.history]]
                found[row] = own - (fits[row].sum() - own) / (len(told) - 1)
        return found


def each_once(pictures: Sequence[Image.Image]) -> tuple[list[Image.Image], list[int]]:
    """The pictures without those that stand there again, and where in them each is found."""
    places: dict[int, int] = {}
    once: list[Image.Image] = []
    for picture in pictures:
        if id(picture) not in places:
            places[id(picture)] = len(once)
            once.append(picture)
    return once, [places[id(picture)] for picture in pictures]


def pixels_of(picture: Image.Image, side: int = SIDE) -> Floats:
    """(side, side, 3), squashed."""
    return np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64)


def vision_maps(name: str, *, layers: Sequence[int] = (1, 2, 3, 4), device: str | None = None) -> Any:
    """An extractor for `Patches`: hidden states of a CLIP's or DINO's patches, by hub id, folder or `pocket`."""
    import torch
    from transformers import AutoModel, CLIPVisionModel

    from palate.encoders.places import find_folder, read_config, require_sound
    from palate.encoders.preprocessing import read_preprocessing
    from palate.encoders.running import best_device
    from palate.quiet import quietly

    folder = find_folder(name)
    require_sound(folder, name)
    config = read_config(folder, "config.json")
    kind = CLIPVisionModel if config.get("model_type") == "clip" else AutoModel
    with quietly():
        network = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True, trust_remote_code=False)
    sized = read_preprocessing(folder, config, "squash", own="squash")
    place = device or best_device()
    network = network.eval().requires_grad_(False).to(place)

    def extract(pictures: Sequence[Image.Image]) -> list[Maps]:
        made: list[Maps] = []
        for start in range(0, len(pictures), 32):
            given = torch.from_numpy(sized.stacked(pictures[start : start + 32])).to(place)
            with torch.inference_mode():
                states = network(sized.normalised(given), output_hidden_states=True).hidden_states
            chosen = [states[at].float().cpu().numpy()[:, 1:] for at in layers if at < len(states)]
            made += [[layer[row] for layer in chosen] for row in range(len(given))]
        return made

    return extract
