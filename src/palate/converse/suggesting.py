"""Which film a conversation is heading for, without a language model: several kinds of evidence, weighed by experience.

What is known of a film: its title, what MovieLens says of it, and what was said around it in earlier conversations. The
weights of the evidence are those of a conditional logit (McFadden 1974) over all candidates, learned on conversations
that the evidence has not seen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.converse.retrieval import BM25, Latent, Texts, words_of
from palate.importers.dialogues import Dialogue, Film, Suggestion, suggestions

Floats = NDArray[np.float64]
EVIDENCE = ("recommended", "named", "words", "about", "genres", "together", "title", "people")
NEARBY = 3
"""Utterances before and after a film that say something of it."""
RECENT = 10
"""Utterances before a suggestion that are read; all genres and names are."""


@dataclass(frozen=True)
class Sizes:
    """What is tuned on conversations held out."""

    k1: float = 1.2
    b: float = 0.75
    dimensions: int = 64


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
        self.candidates = list(candidates)
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
        self.titles = [frozenset(words_of(title)) for title in self.candidates]

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
        other.words = BM25(self.texts, k1=sizes.k1, b=sizes.b)
        other.about = Latent(self.texts, dimensions=sizes.dimensions)
        return other

    def evidence(self, suggestion: Suggestion) -> Floats:
        """(candidates, kinds of evidence) in the order of `EVIDENCE`."""
        words = [word for utterance in suggestion.before[-RECENT:] for word in words_of(utterance.text)]
        asked = Counter(genre.lower() for utterance in suggestion.before for genre in utterance.genres)
        names = {name.lower() for utterance in suggestion.before for name in utterance.names}
        named = [self.place[film] for film in suggestion.named if film in self.place]
        empty = np.zeros(len(self.candidates))
        genres = sum((count * np.log1p(self.genres[g]) for g, count in asked.items() if g in self.genres), empty)
        people = sum((np.log1p(self.people[name]) for name in names if name in self.people), empty)
        title_words = frozenset(word for at in named for word in self.titles[at])
        return np.column_stack(
            [
                np.log1p(self.recommended),
                np.log1p(self.named),
                self.words.scores(words) / (1.0 + len(words) ** 0.5),
                self.about.scores(words),
                genres / max(asked.total(), 1),
                np.log1p(self.together[:, named]).sum(axis=1) if named else empty,
                [len(own & title_words) / max(len(own), 1) for own in self.titles],
                people,
            ]
        )


Apart = Sequence[tuple[Knowledge, list[Dialogue]]]


class Suggester:
    """Knowledge, and how much each kind of evidence counts."""

    def __init__(self, knowledge: Knowledge, weights: Floats) -> None:
        self.knowledge, self.weights = knowledge, weights

    @classmethod
    def fit(cls, knowledge: Knowledge, held_out: Apart) -> Suggester:
        """Weights from evidence that has not seen the conversation it is about."""
        cases = [
            (partial.evidence(suggestion), partial.place[suggestion.film], masked(partial, suggestion))
            for partial, part in held_out
            for suggestion in suggestions(part)
        ]
        return cls(knowledge, weights_of(cases))

    def scores(self, suggestion: Suggestion) -> Floats:
        found: Floats = self.knowledge.evidence(suggestion) @ self.weights
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


def masked(knowledge: Knowledge, suggestion: Suggestion) -> NDArray[np.bool_]:
    """Candidates that were named already: they are no suggestions."""
    known = np.zeros(len(knowledge.candidates), dtype=bool)
    known[[knowledge.place[film] for film in suggestion.named if film in knowledge.place]] = True
    return known


def weights_of(cases: Sequence[tuple[Floats, int, NDArray[np.bool_]]], *, penalty: float = 1.0) -> Floats:
    """The most likely weights of a conditional logit under a normal prior; evidence scaled to one deviation."""
    from scipy.optimize import minimize

    scale = np.maximum(np.concatenate([evidence for evidence, _, _ in cases]).std(axis=0), 1e-9)
    scaled = [(evidence / scale, chosen, known) for evidence, chosen, known in cases]

    def cost(weights: Floats) -> tuple[float, Floats]:
        total, slope = 0.5 * penalty * float(weights @ weights), penalty * weights
        for evidence, chosen, known in scaled:
            logits = np.where(known, -np.inf, evidence @ weights)
            top = float(logits.max())
            shares = np.exp(logits - top)
            total += top + float(np.log(shares.sum())) - float(logits[chosen])
            slope = slope + evidence.T @ (shares / shares.sum()) - evidence[chosen]
        return total, slope

    found = minimize(cost, np.zeros(len(scale)), jac=True, method="L-BFGS-B")
    weights: Floats = found.x / scale
    return weights
