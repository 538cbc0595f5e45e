"""How well each model would answer some words: exactly where it drew them, else from what it drew for the like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.find.cells import Cells, tabulate
from palate.find.evidence import fit_scale
from palate.find.scores import GEMREC_WEIGHTS, Weights, gre_score, norm_pop
from palate.find.specification import Specifications
from palate.find.unseen import Nearness, cell_worths, fit_nearness, held_out, predict

Floats = NDArray[np.float64]
PARTS = ("clip", "mcos", "popularity")


@dataclass(frozen=True, eq=False)
class WordsHub:
    """A hub ready to be asked in words: what it drew, and how far its scores reach (learned from itself)."""

    drawn: Cells
    clip: Nearness
    mcos: Nearness
    popularity: Floats
    """(M,) norm_pop, NaN where nobody counted."""

    @classmethod
    def learn(cls, specifications: Specifications) -> WordsHub:
        drawn = tabulate(specifications)
        return cls(
            drawn,
            clip=fit_nearness(drawn, drawn.norm_clip, leans=True),
            mcos=fit_nearness(drawn, drawn.norm_mcos, leans=False),
            popularity=norm_pop(specifications.downloads),
        )


@dataclass(frozen=True, eq=False)
class WordsScores:
    """Normalised scores of every model for some words, each (..., M); NaN where there is nothing to go by."""

    clip: Floats
    mcos: Floats
    popularity: Floats
    exact: NDArray[np.bool_]
    """True where the model drew just these words, and enough others did."""
    kept: dict[object, Any] = field(default_factory=dict, repr=False)
    """What the reasons of every row have in common, worked out for the first."""

    def gre(self, weights: Weights = GEMREC_WEIGHTS) -> Floats:
        return gre_score(self.clip, self.mcos, self.popularity, weights)

    def part_worths(self, weights: Weights = GEMREC_WEIGHTS) -> dict[str, Floats]:
        """For each of `PARTS`, how much the GRE-Score falls without it (the other weights rescaled); NaN: not known."""
        known: dict[str, Floats] | None = self.kept.get(weights)
        if known is None:
            known = self.kept[weights] = self._part_worths(weights)
        return known

    def _part_worths(self, weights: Weights) -> dict[str, Floats]:
        whole = self.gre(weights)
        parts = {"clip": self.clip, "mcos": self.mcos, "popularity": np.broadcast_to(self.popularity, whole.shape)}
        worths = {}
        for name, part in parts.items():
            rest = [np.full_like(whole, np.nan) if name == other else values for other, values in parts.items()]
            without = gre_score(rest[0], rest[1], rest[2], weights)
            worths[name] = np.where(np.isnan(part), np.nan, whole - np.nan_to_num(without))
        return worths


def words_scores(hub: WordsHub, words: NDArray[np.float32], prompt_id: str | None = None) -> WordsScores:
    """Scores of every model for words (d,), or for a batch (B, d) of words that are no known prompt.

    A known prompt (`prompt_id`) that enough models drew has GEMRec's exact scores for those models; everything else is
    predicted from the nearest prompts, see `palate.find.unseen`. The two lie on one scale: a prediction is the expected
    normalised score.
    """
    batch = np.atleast_2d(words).astype(np.float32)
    clip = predict(hub.drawn, hub.drawn.norm_clip, batch, hub.clip)
    mcos = predict(hub.drawn, hub.drawn.norm_mcos, batch, hub.mcos)
    exact = np.zeros(clip.shape, dtype=bool)
    if prompt_id is not None and prompt_id in hub.drawn.prompt_ids:
        at = hub.drawn.prompt_ids.index(prompt_id)
        if hub.drawn.complete[at]:
            cells = np.flatnonzero(hub.drawn.prompt == at)
            models = hub.drawn.model[cells]
            clip[0, models], mcos[0, models] = hub.drawn.norm_clip[cells], hub.drawn.norm_mcos[cells]
            exact[0, models] = True
    if np.ndim(words) == 1:
        return WordsScores(clip[0], mcos[0], hub.popularity, exact[0])
    return WordsScores(clip, mcos, hub.popularity, exact)


def words_scale(hub: WordsHub, weights: Weights = GEMREC_WEIGHTS) -> float:
    """Log-odds that a unit of predicted GRE-Score is worth: how surely it named the models that really drew best.

    The hub's own prompts are predicted with themselves left out, and the model whose picture really scored best is what
    was to be named (conditional logit, see `palate.find.evidence`).
    """
    drawn = hub.drawn
    asked, clip = held_out(drawn, drawn.norm_clip, hub.clip)
    _, mcos = held_out(drawn, drawn.norm_mcos, hub.mcos)
    predicted = gre_score(clip, mcos, hub.popularity, weights)
    real = gre_score(drawn.norm_clip, drawn.norm_mcos, hub.popularity[drawn.model], weights)
    enough = [at for at, prompt in enumerate(asked) if drawn.complete[prompt] and drawn.drawn_by[prompt] >= 2]
    best = []
    for at in enough:
        cells = np.flatnonzero(drawn.prompt == asked[at])
        best.append(int(drawn.model[cells[np.nanargmax(real[cells])]]))
    return fit_scale(predicted[enough], np.array(best, dtype=np.intp)) if enough else 0.0


def supporting_cells(
    hub: WordsHub, words: NDArray[np.float32], model: int, count: int = 3, *, scores: WordsScores | None = None
) -> list[tuple[int, float]]:
    """The cells (positions in `hub.drawn`) that hold up a model's predicted CLIP part most, with how much each does.

    `scores` of the same words keep what is the same for every model.
    """
    kept: dict[object, Any] = {} if scores is None else scores.kept
    worths: Floats | None = kept.get("cells")
    if worths is None:
        asked = np.asarray(words, dtype=np.float32)
        worths = kept["cells"] = cell_worths(hub.drawn, hub.drawn.norm_clip, asked, hub.clip)
    own = np.flatnonzero((hub.drawn.model == model) & (worths > 0))
    return [(int(cell), float(worths[cell])) for cell in own[np.argsort(-worths[own], kind="stable")][:count]]
