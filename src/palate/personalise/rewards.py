"""What a drawn picture is worth: rewards under their names, what each counts, and how they become one number.

The names are the metrics' names of arXiv 2506.01704 with what they are measured against. The paper gives neither
weights nor a normalisation: docs/decisions/0007 says what was chosen here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.errors import PalateError
from palate.personalise.histories import Window

Floats = NDArray[np.float64]
Normalised = Literal["group", "range", "none"]
EPSILON = 1e-4


class Reward(Protocol):
    """One picture, one number; `nan` is "not scored", and never counts as 0."""

    @property
    def name(self) -> str: ...

    @property
    def paper(self) -> str: ...

    @property
    def higher(self) -> bool:
        """Whether more is better."""

    @property
    def span(self) -> tuple[float, float]:
        """The worst and the best that there can be, for `range`."""

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:
        """(n,) of n pictures, each drawn for the window of its place."""


def _weight(default: float, help: str) -> Any:  # noqa: A002 - what typer calls it too
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class RewardConfig:
    """How much each reward counts; 0 leaves it out. A weight's sign says nothing: directions are the rewards' own."""

    cts_history: float = _weight(1.0, "words of the history (CLIP, text)")
    cis_history: float = _weight(1.0, "pictures of the history (CLIP, picture)")
    cts_future: float = _weight(0.5, "words of what came next")
    cis_future: float = _weight(0.5, "pictures of what came next")
    dis_history: float = _weight(1.0, "how the history's pictures look (DINO)")
    lpips_history: float = _weight(0.0, "distance of patches to the history's pictures")
    ssim_history: float = _weight(0.0, "structure shared with the history's pictures")
    profile: float = _weight(0.0, "whether a reader finds that it fits the history's words")
    aesthetics: float = _weight(0.5, "how well made it looks (NIMA)")
    diversity: float = _weight(0.0, "unlike the others of its group")
    listening: float = _weight(0.0, "pictures of one's own history more than of others' in the batch (CLIP)")
    normalise: Normalised = field(
        default="group", metadata={"help": "each reward before they are added: group (z-scores), range (0 to 1), none"}
    )

    def weights(self) -> dict[str, float]:
        """Name to weight, of those that count."""
        found = {row.name.replace("_", "-"): getattr(self, row.name) for row in fields(self) if row.name != "normalise"}
        return {name: float(weight) for name, weight in found.items() if weight}

    def alone(self, name: str) -> RewardConfig:
        """This reward and nothing else: the paper's ablation."""
        none = {row.name: 0.0 for row in fields(self) if row.name != "normalise"}
        return replace(self, **{**none, _field(name): 1.0})  # type: ignore[arg-type]

    def without(self, name: str) -> RewardConfig:
        """All but this one."""
        return replace(self, **{_field(name): 0.0})  # type: ignore[arg-type]


def _field(name: str) -> str:
    known = {row.name for row in fields(RewardConfig)} - {"normalise"}
    if name.replace("-", "_") not in known:
        names = ", ".join(sorted(one.replace("_", "-") for one in known))
        raise PalateError("unknown_reward", f"there is no reward '{name}'", hint=f"one of {names}")
    return name.replace("-", "_")


def of_text(said: str, begin: RewardConfig | None = None) -> RewardConfig:
    """`cis-history=1,aesthetics=0.2`, what is not named being 0; `-aesthetics` leaves one out of the defaults."""
    config = begin or RewardConfig()
    parts = [part.strip() for part in said.split(",") if part.strip()]
    if not parts:
        return config
    if all(part.startswith("-") for part in parts):
        for part in parts:
            config = config.without(part[1:])
        return config
    config = replace(config, **{row.name: 0.0 for row in fields(config) if row.name != "normalise"})  # type: ignore[arg-type]
    for part in parts:
        name, _, number = part.partition("=")
        try:
            weight = float(number or 1)
        except ValueError:
            raise PalateError("wrong_weight", f"'{number}' is no number", about=name) from None
        config = replace(config, **{_field(name.strip()): weight})  # type: ignore[arg-type]
    return config


def combine(scores: Mapping[str, Floats], rewards: Sequence[Reward], config: RewardConfig, group: int) -> Floats:
    """(n,): the weighted mean of what was scored, each reward turned so that more is better and normalised.

    What is not scored drops out and the other weights are rescaled; a picture that nothing scored is nan. `group`
    pictures after each other are of one history.
    """
    weights = config.weights()
    total, counted = np.zeros(0), np.zeros(0)
    for reward in rewards:
        if reward.name not in weights:
            continue
        values = normalised(scores[reward.name], reward, config.normalise, group)
        total, counted = (np.zeros(len(values)), np.zeros(len(values))) if not len(total) else (total, counted)
        there = np.isfinite(values)
        total[there] += weights[reward.name] * values[there]
        counted[there] += weights[reward.name]
    found: Floats = np.where(counted > 0, total / np.maximum(counted, 1e-12), np.nan)
    return found


def normalised(values: Floats, reward: Reward, how: Normalised, group: int) -> Floats:
    """group: (r - mean) / (std + eps) among one history's pictures; range: 0 the worst there can be, 1 the best."""
    turned = values if reward.higher else -values
    if how == "none":
        return turned
    if how == "range":
        worst, best = reward.span
        found: Floats = (values - worst) / (best - worst)
        return found
    rows = turned.reshape(-1, group)
    there = np.isfinite(rows)
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    mean = np.where(there, rows, 0.0).sum(axis=1, keepdims=True) / count
    off = np.where(there, rows - mean, 0.0)
    spread = np.sqrt((off**2).sum(axis=1, keepdims=True) / count)
    scaled: Floats = np.where(there, off / (spread + EPSILON), np.nan)
    return scaled.reshape(-1)


def scored(rewards: Sequence[Reward], drawn: Sequence[Image.Image], windows: Sequence[Window]) -> dict[str, Floats]:
    """Every reward's numbers under its name."""
    found = {}
    for reward in rewards:
        values = np.asarray(reward.score(drawn, windows), dtype=np.float64)
        if values.shape != (len(drawn),):
            raise PalateError(
                "reward_broken", f"{len(drawn)} pictures, numbers of shape {values.shape}", about=reward.name
            )
        found[reward.name] = values
    return found
