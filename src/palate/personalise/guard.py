"""Against reward hacking: encoders that no reward used look on, and the run stops where they and the reward part.

The paper stopped by hand when the reward's spread fell and every history got the same popular poster. Here the same
few histories are drawn for again and again; a *look* holds what was trained and what was not, as z-scores of the first
look. The run stops when, `patience` looks in a row, the trained rewards stand above their value at the best look (best
by what is unseen) while the unseen ones lie below theirs by more than `sure` standard errors over the histories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from palate.metrics.likeness import mean_pairwise, sharpness
from palate.personalise.histories import Collection, Window
from palate.personalise.rewards import Floats, Reward, scored
from palate.personalise.scorers import Space, pixels_of

POPULAR = 50
"""Items whose pictures the drawn ones are compared with: hacking drew "The Godfather" for everybody."""


@dataclass(frozen=True, slots=True)
class GuardConfig:
    every: int = field(default=5, metadata={"help": "steps between looks and checkpoints"})
    windows: int = field(default=16, metadata={"help": "histories that are drawn for at each look"})
    pictures: int = field(default=2, metadata={"help": "pictures for each of them"})
    sure: float = field(default=2.0, metadata={"help": "standard errors by which the unseen must have fallen"})
    patience: int = field(default=2, metadata={"help": "looks in a row"})
    least_diversity: float = field(default=0.8, metadata={"help": "share of the first look's diversity; 0 is no limit"})
    most_kl: float = field(default=0.0, metadata={"help": "distance to the reference, in nats a code; 0 is no limit"})
    stops: bool = field(default=True, metadata={"help": "whether it stops the run, or only says so"})


@dataclass(frozen=True)
class Look:
    """At one step: z-scores (of the first look) of each watched history, and what else tells of hacking."""

    step: int
    trained: tuple[float, ...]
    unseen: tuple[float, ...]
    diversity: float
    """1 - the mean cosine of pictures of different histories and of one, in the first unseen space."""
    raw: Mapping[str, float]
    kl: float = 0.0

    def as_row(self) -> dict[str, Any]:
        return {
            "trained": float(np.mean(self.trained)),
            "unseen": float(np.mean(self.unseen)),
            "diversity": self.diversity,
            **{f"raw/{name}": value for name, value in self.raw.items()},
        }


def best_of(looks: Sequence[Look]) -> Look:
    """By what is unseen; of equals the earlier."""
    return max(looks, key=lambda look: (float(np.mean(look.unseen)), -look.step))


def verdict(looks: Sequence[Look], config: GuardConfig) -> str | None:
    """Why the run should stop now; None where it may go on."""
    if len(looks) <= config.patience:
        return None
    best, latest = best_of(looks), looks[-config.patience :]
    if all(look.step > best.step and _parted(best, look, config.sure) for look in latest):
        return "the trained rewards rose while the unseen ones fell"
    first = looks[0].diversity
    if config.least_diversity and all(look.diversity < config.least_diversity * first for look in latest):
        return f"the pictures became alike: diversity fell below {config.least_diversity:.0%} of its beginning"
    if config.most_kl and all(look.kl > config.most_kl for look in latest):
        return f"it went further than {config.most_kl:g} nats a code from the reference"
    return None


def _parted(best: Look, look: Look, sure: float) -> bool:
    fell = np.array(best.unseen) - np.array(look.unseen)
    error = float(fell.std(ddof=1)) / np.sqrt(len(fell)) if len(fell) > 1 else 0.0
    return float(np.mean(look.trained)) > float(np.mean(best.trained)) and float(fell.mean()) > sure * error > 0


class Watch:
    """Looks at pictures of the same histories; `trained` and `unseen` are rewards, weighed as in training and alike."""

    def __init__(
        self,
        collection: Collection,
        windows: Sequence[Window],
        trained: Sequence[Reward],
        weights: Mapping[str, float],
        unseen: Sequence[Reward],
        space: Space,
    ) -> None:
        self.collection, self.windows = collection, windows
        self.trained, self.weights, self.unseen, self.space = trained, weights, unseen, space
        counts = Counter(collection.item.tolist())
        self.popular = [item for item, _ in counts.most_common(POPULAR)]

    def look(
        self, step: int, drawn: Sequence[Image.Image], pictures: int, scale: dict[str, list[float]], kl: float
    ) -> Look:
        """`pictures` of each window after each other; `scale` is filled at the first look and kept by the run."""
        repeated = [window for window in self.windows for _ in range(pictures)]
        scores = scored([*self.trained, *self.unseen], drawn, repeated)
        trained = self._mean(self.trained, scores, scale, pictures, self.weights)
        unseen = self._mean(self.unseen, scores, scale, pictures, {})
        seen = self.space.drawn(drawn)
        nearest = (seen @ self.space.pictures(self.popular).T).argmax(axis=1)
        raw = {name: float(np.nanmean(values)) for name, values in scores.items() if np.isfinite(values).any()}
        raw["sharpness"] = float(np.mean([sharpness(pixels_of(picture)) for picture in drawn]))
        raw["popular"] = float((seen @ self.space.pictures(self.popular).T).max(axis=1).mean())
        raw["same-popular"] = float(np.bincount(nearest).max() / len(nearest))
        return Look(step, tuple(trained), tuple(unseen), 1.0 - mean_pairwise(seen), raw, kl)

    def _mean(
        self,
        rewards: Sequence[Reward],
        scores: Mapping[str, Floats],
        scale: dict[str, list[float]],
        pictures: int,
        weights: Mapping[str, float],
    ) -> Floats:
        """(windows,): weighted z-scores, more being better; what is not scored drops out."""
        total, counted = np.zeros(len(self.windows)), np.zeros(len(self.windows))
        for reward in rewards:
            values = scores[reward.name] if reward.higher else -scores[reward.name]
            there = values[np.isfinite(values)]
            if reward.name not in scale:
                scale[reward.name] = [float(there.mean()), max(float(there.std()), 1e-6)] if len(there) else [0.0, 1.0]
            mean, spread = scale[reward.name]
            z = ((values - mean) / spread).reshape(-1, pictures)
            known = np.isfinite(z).any(axis=1)
            weight = weights.get(reward.name, 1.0)
            total[known] += weight * np.nanmean(z[known], axis=1)
            counted[known] += weight
        found: Floats = total / np.maximum(counted, 1e-12)
        return found
