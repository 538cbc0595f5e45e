"""Which film a conversation is heading for, without a language model: many kinds of evidence, fused by their ranks.

What is known of a film: its title and year, what MovieLens says of it, and what was said around it in earlier
conversations. The orders that the kinds of evidence give are fused (Cormack, Clarke and Büttcher 2009): nothing is
learned but one number, which on a hundred conversations is better than weights that are (`weights_of`, a conditional
logit after McFadden 1974).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.converse.retrieval import BM25, Latent, Texts, words_of
from palate.converse.titles import Titles
from palate.importers.dialogues import Dialogue, Film, Suggestion, suggestions

Floats = NDArray[np.float64]
EVIDENCE = (
    "recommended", "named", "words", "about", "genres", "together", "people", "about lately", "like those named",
    "series", "spelled", "spelled in full", "spelled lately", "near in years", "near their mean", "new",
)  # fmt: skip
NEARBY = 3
"""Utterances before and after a film that say something of it."""
RECENT, LATELY = 10, 3
"""Utterances before a suggestion that are what is talked of, and that are what was said last."""


@dataclass(frozen=True)
class Sizes:
    """What is tuned on conversations held out."""

    k1: float = 1.2
    b: float = 0.75
    dimensions: int = 64
    recent: int = RECENT
    """Utterances before a suggestion that are read as words; all genres, names and titles are."""


DEFAULT = Sizes()


class Knowledge:
    """What earlier conversations and MovieLens tell of each candidate."""

    def __init__(
        self,
        candidates: Sequence[str],
        earlier: Sequence[Dialogue],
        films: Mapping[str, Film],
        sizes: Sizes = DEFAULT,
    ) -> None:
        self.candidates, self.sizes = list(candidates), sizes
        self.place = {title: at for at, title in enumerate(self.candidates)}
        count = len(self.candidates)
        self.recommended, self.named = np.zeros(count), np.zeros(count)
        self.together = np.zeros((count, count))
        self.genres: dict[str, Floats] = defaultdict(lambda: np.zeros(count))
        self.people: dict[str, Floats] = defaultdict(lambda: np.zeros(count))
        texts = [self._of_itself(title, films.get(title)) for title in self.candidates]
        for dialogue in earlier:
            self._hear(dialogue, texts)
        self.texts = Texts(texts)
        self.words = BM25(self.texts, k1=sizes.k1, b=sizes.b)
        self.about = Latent(self.texts, dimensions=sizes.dimensions)
        heard = [utterance.text for dialogue in earlier for utterance in dialogue.utterances]
        self.titles = Titles(self.candidates, heard)
        self.newest = int(self.titles.years[self.named > 0].max(initial=0))

    def _of_itself(self, title: str, film: Film | None) -> list[str]:
        if film is None:
            return words_of(title)
        for genre in film.genres:
            self.genres[genre][self.place[title]] += 1
        return [*words_of(title), *words_of(" ".join(film.genres)), *words_of(film.plot)]

    def _hear(self, dialogue: Dialogue, texts: list[list[str]]) -> None:
        for suggestion in suggestions([dialogue]):
            self.recommended[self.place[suggestion.film]] += 1
        here = {film for utterance in dialogue.utterances for film in utterance.films}
        own = [self.place[film] for film in here]
        self.named[own] += 1
        self.together[np.ix_(own, own)] += 1
        for at, utterance in enumerate(dialogue.utterances):
            for film in utterance.films:
                for near in dialogue.utterances[max(at - NEARBY, 0) : at + NEARBY + 1]:
                    texts[self.place[film]] += words_of(near.text)
                    for genre in near.genres:
                        self.genres[genre.lower()][self.place[film]] += 1
                    for name in near.names:
                        self.people[name.lower()][self.place[film]] += 1

    def resized(self, sizes: Sizes) -> Knowledge:
        """The same with other sizes; what was counted is shared."""
        other = copy(self)
        other.sizes = sizes
        other.words = BM25(self.texts, k1=sizes.k1, b=sizes.b)
        other.about = Latent(self.texts, dimensions=sizes.dimensions)
        return other

    def evidence(self, suggestion: Suggestion) -> Floats:
        """(candidates, kinds of evidence) in the order of `EVIDENCE`."""
        words, lately = last_words(suggestion, self.sizes.recent), last_words(suggestion, LATELY)
        asked = Counter(genre.lower() for utterance in suggestion.before for genre in utterance.genres)
        names = {name.lower() for utterance in suggestion.before for name in utterance.names}
        empty = np.zeros(len(self.candidates))
        genres = sum((count * np.log1p(self.genres[g]) for g, count in asked.items() if g in self.genres), empty)
        people = sum((np.log1p(self.people[name]) for name in names if name in self.people), empty)
        named = [self.place[film] for film in sorted(suggestion.named) if film in self.place]
        alike, series, nearest, mean = empty, empty, empty, empty
        if named:
            alike = (self.about.places @ self.about.places[named].T).max(axis=1)
            series, (nearest, mean) = self.titles.series(named), self.titles.near(named)
        spelled = self.titles.spelled(utterance.text for utterance in suggestion.before)
        return np.column_stack(
            [
                np.log1p(self.recommended),
                np.log1p(self.named),
                self.words.scores(words) / (1.0 + len(words) ** 0.5),
                self.about.scores(words),
                genres / max(asked.total(), 1),
                np.log1p(self.together[:, named]).sum(axis=1) if named else empty,
                people,
                self.about.scores(lately),
                alike,
                series,
                spelled,
                self.titles.wholly(spelled),
                self.titles.spelled(utterance.text for utterance in suggestion.before[-LATELY:]),
                nearest,
                mean,
                self.titles.new(self.newest),
            ]
        )


def last_words(suggestion: Suggestion, utterances: int) -> list[str]:
    """The words that say something of the last things said."""
    return [word for utterance in suggestion.before[-utterances:] for word in words_of(utterance.text)]


Apart = Sequence[tuple[Knowledge, list[Dialogue]]]
Case = tuple[Floats, int, NDArray[np.bool_]]
"""Evidence (candidates, kinds), which candidate was suggested, and those that were named already."""


@dataclass(frozen=True, eq=False)
class Suggester:
    """Knowledge, and how much the first ranks count in the fusion: the smaller, the more."""

    knowledge: Knowledge
    smoothing: float = 5.0

    def scores(self, suggestion: Suggestion) -> Floats:
        return fused(self.knowledge.evidence(suggestion), self.smoothing)


def fused(evidence: Floats, smoothing: float) -> Floats:
    """(candidates,) sum_e 1 / (k + r_e): reciprocal rank fusion (Cormack et al. 2009), equals at their mean rank."""
    from scipy.stats import rankdata

    found: Floats = (1.0 / (smoothing + rankdata(-evidence, axis=0))).sum(axis=1)
    return found


def apart(
    candidates: Sequence[str], earlier: Sequence[Dialogue], films: Mapping[str, Film], *, folds: int = 10
) -> Apart:
    """Knowledge of all conversations but a part, and that part; each conversation is in one part."""
    parts = [list(earlier[fold::folds]) for fold in range(min(folds, len(earlier)))]
    return [
        (Knowledge(candidates, [one for other in parts if other is not part for one in other], films), part)
        for part in parts
    ]


def cases_of(held_out: Apart) -> list[Case]:
    """Evidence that has not seen the conversation it is about."""
    return [
        (knowledge.evidence(suggestion), knowledge.place[suggestion.film], masked(knowledge, suggestion))
        for knowledge, own in held_out
        for suggestion in suggestions(own)
    ]


def masked(knowledge: Knowledge, suggestion: Suggestion) -> NDArray[np.bool_]:
    """Candidates that were named already: they are no suggestions."""
    known = np.zeros(len(knowledge.candidates), dtype=bool)
    known[[knowledge.place[film] for film in suggestion.named if film in knowledge.place]] = True
    return known


def weights_of(cases: Sequence[Case], *, penalty: float = 1.0) -> Floats:
    """The most likely weights, 0 or above, of a conditional logit under a normal prior; evidence in deviations.

    Every case has the same number of candidates. No weight is below 0: that nobody named a film yet must not speak for
    it, though a list of candidates that is made of what is named in the end would reward that.
    """
    from scipy.optimize import minimize

    evidence = np.stack([evidence for evidence, _, _ in cases])
    chosen = np.array([place for _, place, _ in cases])
    known = np.where(np.stack([known for _, _, known in cases]), -np.inf, 0.0)
    scale = np.maximum(evidence.std(axis=(0, 1)), 1e-9)
    scaled = evidence / scale
    own = scaled[np.arange(len(cases)), chosen].sum(axis=0)

    def cost(weights: Floats) -> tuple[float, Floats]:
        logits = scaled @ weights + known
        top = logits.max(axis=1, keepdims=True)
        shares = np.exp(logits - top)
        sums = shares.sum(axis=1, keepdims=True)
        total = float((top + np.log(sums)).sum() - own @ weights) + 0.5 * penalty * float(weights @ weights)
        expected = (shares / sums).ravel() @ scaled.reshape(-1, len(weights))
        return total, expected - own + penalty * weights

    start = np.zeros(len(scale))
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start))
    weights: Floats = found.x / scale
    return weights
