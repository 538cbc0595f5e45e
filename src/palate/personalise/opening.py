"""From names to rewards, and to the encoders that look on: what opens is used, what does not is said."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from palate.encoders.opening import open_encoder
from palate.encoders.protocol import Encoder
from palate.errors import PalateError
from palate.personalise.aesthetics import learn_from_damage, open_head
from palate.personalise.histories import Collection, Window
from palate.personalise.judging import open_judge
from palate.personalise.plain_look import PlainLook
from palate.personalise.rewards import Reward, RewardConfig
from palate.personalise.scorers import (
    Against,
    Listening,
    Maps,
    Patches,
    Relevance,
    Space,
    Structure,
    Unlike,
    vision_maps,
)

SHOWN_TO_HEAD = 150
"""Pictures that the head of aesthetics learns damage from."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Hub ids, folders, or the pocket's; a judge may be an address with a model (`http://localhost:11434#qwen2.5vl`)."""

    clip: str = "pocket"
    dino: str = "pocket:dino"
    judge: str = "pocket"
    head: Path | None = None
    device: str | None = None


class Cabinet:
    """Opens each network once, and makes what is asked of it for one collection."""

    def __init__(self, collection: Collection, networks: Networks) -> None:
        self.collection, self.networks = collection, networks
        self._spaces: dict[str, Space] = {}
        self._maps: Callable[[Sequence[Image.Image]], list[Maps]] | None = None

    def space(self, name: str) -> Space:
        if name not in self._spaces:
            self._spaces[name] = Space(onlooker(name, self.networks.device), self.collection)
        return self._spaces[name]

    def reward(self, name: str, *, group: int = 1, taught: Sequence[int] = ()) -> Reward:
        """By the reward's name, or the evaluation's: `cis-target` as well as `cis-history`."""
        kind, _, side = name.partition("-")
        against: Against = "future" if side == "future" else "target" if side == "target" else "history"
        if kind in ("cts", "cis"):
            return Relevance(name, self.space(self.networks.clip), against, words=kind == "cts")
        if kind == "dis":
            return Relevance(name, self.space(self.networks.dino), against)
        if kind == "ssim":
            return Structure(self.collection, against)
        if kind == "lpips":
            self._maps = self._maps or remembered(vision_maps(self.networks.clip, device=self.networks.device))
            return Patches(self.collection, self._maps, against)
        if kind == "profile":
            return open_judge(self.networks.judge, self.collection, self.space(self.networks.clip).encoder)
        if kind == "diversity":
            return Unlike(self.space(self.networks.clip), group)
        if kind == "listening":
            return Listening(self.space(self.networks.clip))
        if kind == "aesthetics":
            space = self.space(self.networks.clip)
            if self.networks.head is not None:
                return replace(open_head(self.networks.head, space.encoder), look=space.drawn)
            shown = list(taught)[:SHOWN_TO_HEAD] or list(range(min(SHOWN_TO_HEAD, len(self.collection.items))))
            head = learn_from_damage(space.encoder, [self.collection.picture(item) for item in shown])
            return replace(head, look=space.drawn)
        raise PalateError("unknown_reward", f"there is no reward '{name}'")

    def rewards(
        self, config: RewardConfig, *, group: int, taught: Sequence[int] = (), must: bool = False
    ) -> tuple[list[Reward], list[str]]:
        """Those that count, and why others do not; where they `must` be there, a missing network is an error."""
        found, notes = [], []
        for name in config.weights():
            try:
                found.append(self.reward(name, group=group, taught=taught))
            except PalateError as error:
                if must or error.code == "unknown_reward":
                    raise
                notes.append(f"{name} does not count: {error}")
        if not found:
            raise PalateError("no_rewards", "; ".join(notes) or "no reward has a weight", about="rewards")
        return found, notes

    def unseen(self, names: Sequence[str], trained: Sequence[Reward]) -> list[Relevance]:
        """History relevance in spaces that no trained reward uses, named `history-unseen/ENCODER`."""
        used = {space.encoder.id for space in map(_space_of, trained) if space is not None}
        found = []
        for name in names or (PlainLook.name,):
            space = self.space(name)
            if space.encoder.id in used:
                raise PalateError("not_unseen", "a reward that is trained on uses it", about=name)
            found.append(Relevance(f"history-unseen/{name}", space, "history"))
        return found


def remembered(extract: Callable[[Sequence[Image.Image]], list[Maps]]) -> Callable[[Sequence[Image.Image]], list[Maps]]:
    """The same, for pictures that several ask about after each other: the latest answer is kept."""
    latest: list[tuple[Sequence[Image.Image], list[Maps]]] = []

    def asked(pictures: Sequence[Image.Image]) -> list[Maps]:
        known = latest and len(latest[0][0]) == len(pictures)
        if not known or any(one is not other for one, other in zip(latest[0][0], pictures, strict=True)):
            latest[:] = [(list(pictures), extract(pictures))]
        return latest[0][1]

    return asked


def onlooker(name: str, device: str | None) -> Encoder:
    """One that looks on: `plain-look`, MODULE:CLASS of one's own that keeps to `Encoder`, or any other's name."""
    if name == PlainLook.name:
        return PlainLook()
    module, _, kind = name.partition(":")
    if not kind[:1].isupper():
        return open_encoder(name, device=device, fit="squash")
    try:
        made: Encoder = getattr(importlib.import_module(module), kind)()
    except (ImportError, AttributeError) as error:
        raise PalateError("encoder_missing", f"it does not open: {error}", about=name) from error
    return made


def _space_of(reward: Reward) -> Space | None:
    return getattr(reward, "space", None)


def taught_items(windows: Sequence[Window]) -> list[int]:
    """Every item of these windows once, in their order."""
    return list(dict.fromkeys(item for window in windows for item in (*window.history, window.target)))
