"""What to ask: a belief over candidates, and the question whose answer splits them best.

A candidate is likely as far as the words asked for fit it, and as far as it has what was answered. An answer is noisy:
people and encoders differ. The best question is the one whose answer is expected to tell most (Lindley 1956).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Encode = Callable[[Sequence[str]], Vectors]

ATTRIBUTES = (
    ("filled", "outline"), ("bold", "thin"), ("rounded", "sharp"), ("colourful", "black and white"), ("3d", "flat"),
    ("dark", "bright"), ("simple", "detailed"), ("realistic", "abstract"), ("warm", "cold"), ("soft", "hard"),
)  # fmt: skip
SHARPNESS = 1.25
"""Log-odds between two candidates for a whole cosine's difference in how they fit the words; tuned (docs/papers.md)."""
STEEPNESS = 3.0
"""Log-odds of "yes" for one deviation more of an attribute; tuned likewise."""
FEWEST_EXAMPLES, MOST_EXAMPLES = 20, 3000
"""Pictures of each side that an attribute is learned from, and pictures at most."""
SLIP = 0.05
"""How often an answer is the opposite of what is meant, whatever the attribute."""


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """How much every candidate has of every attribute: z (n, a), standard deviations from the mean candidate."""

    pairs: tuple[tuple[str, str], ...]
    z: Floats
    guessed: tuple[int, ...] = ()
    """Columns that sentences alone tell of, where others are known from examples: these are better not asked."""

    @classmethod
    def of(
        cls, candidates: Vectors, encode: Encode, subject: str = "", pairs: Sequence[tuple[str, str]] = ATTRIBUTES
    ) -> Attributes:
        """By the difference of two sentences that differ in the attribute alone."""
        about = f"{subject}, " if subject else "a picture, "
        vectors = encode([about + word for pair in pairs for word in pair]).reshape(len(pairs), 2, -1)
        raw = candidates.astype(np.float64) @ (vectors[:, 0] - vectors[:, 1]).T
        z: Floats = (raw - raw.mean(axis=0)) / np.maximum(raw.std(axis=0), 1e-9)
        return cls(tuple(pairs), z)


def read(
    candidates: Vectors,
    encode: Encode,
    subject: str,
    pairs: Sequence[tuple[str, str]],
    *,
    examples: Vectors,
    prompts: Sequence[str],
) -> Attributes:
    """Each attribute from examples whose prompts name one side of it, where there are enough; else by sentences.

    Sentences alone are a poor guess at attributes that the encoder seldom read of: a question by them is no better
    than a random one, and one by examples is (docs/papers.md).
    """
    attributes = Attributes.of(candidates, encode, subject, pairs)
    z = attributes.z.copy()
    learned = []
    for column, (first, second) in enumerate(pairs):
        sides = np.array([[_names(text, first), _names(text, second)] for text in prompts], dtype=bool).reshape(-1, 2)
        known = np.flatnonzero(sides[:, 0] != sides[:, 1])[:MOST_EXAMPLES]
        has = sides[known, 0]
        if min(int(has.sum()), int((~has).sum())) >= FEWEST_EXAMPLES:
            reader = learned_reader(examples[known], has)
            z[:, column] = candidates.astype(np.float64) @ reader[:-1] + reader[-1]
            learned.append(column)
    guessed = tuple(column for column in range(len(pairs)) if column not in learned) if learned else ()
    return Attributes(attributes.pairs, z, guessed)


def _names(text: str, attribute: str) -> bool:
    return re.search(rf"\b{re.escape(attribute)}\b", text.lower()) is not None


def learned_reader(vectors: Vectors, has: NDArray[np.bool_], *, penalty: float = 10.0) -> Floats:
    """Weights (d + 1,) of a ridge regression on +1 and -1: how much of an attribute pictures have that names tell of.

    A sentence's direction in the encoder's space is a guess at the same; this is for where examples are at hand.
    """
    X = np.concatenate([vectors, np.ones((len(vectors), 1))], axis=1).astype(np.float64)
    y = np.where(has, 1.0, -1.0)
    weight = np.where(has, 0.5 / max(int(has.sum()), 1), 0.5 / max(int((~has).sum()), 1)) * len(y)
    left = (X * weight[:, None]).T @ X + penalty * np.eye(X.shape[1])
    found: Floats = np.linalg.solve(left, X.T @ (weight * y))
    return found


def first_belief(fits: Floats, *, sharpness: float = SHARPNESS) -> Floats:
    """p(c) ~ exp(b fit(c)), (n,)."""
    logs = sharpness * (fits - fits.max())
    weights = np.exp(logs)
    belief: Floats = weights / weights.sum()
    return belief


def says_yes(z: Floats, *, steepness: float = STEEPNESS, slip: float = SLIP) -> Floats:
    """P("more of it" | candidate) = slip + (1 - 2 slip) sigmoid(k z)."""
    likely: Floats = slip + (1 - 2 * slip) / (1 + np.exp(-steepness * z))
    return likely


def after(belief: Floats, z: Floats, yes: bool, *, steepness: float = STEEPNESS, slip: float = SLIP) -> Floats:
    """Bayes' rule for one answer about one attribute; z (n,)."""
    likely = says_yes(z, steepness=steepness, slip=slip)
    weights = belief * (likely if yes else 1 - likely)
    new: Floats = weights / weights.sum()
    return new


def without(belief: Floats, shown: Sequence[int]) -> Floats:
    """What was shown and was not it."""
    weights = belief.copy()
    weights[list(shown)] = 0.0
    total = weights.sum()
    left: Floats = weights / total if total > 0 else np.where(np.isin(np.arange(len(belief)), list(shown)), 0.0, 1.0)
    return left


def entropy(p: Floats) -> Floats:
    """Of a yes-or-no chance, in bits."""
    inside = np.clip(p, 1e-12, 1 - 1e-12)
    bits: Floats = -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside))
    return bits


def gains(belief: Floats, z: Floats, *, steepness: float = STEEPNESS, slip: float = SLIP) -> Floats:
    """I(answer; candidate) = H(E p) - E H(p) of each attribute, (a,) in bits."""
    likely = says_yes(z, steepness=steepness, slip=slip)
    told: Floats = entropy(belief @ likely) - belief @ entropy(likely)
    return told


def best_question(
    belief: Floats,
    attributes: Attributes,
    asked: Sequence[int] = (),
    *,
    answered: Floats | None = None,
    steepness: float = STEEPNESS,
) -> tuple[int, float]:
    """The attribute whose answer is expected to tell most, and how many bits; -1 where all were asked.

    `answered` (a,) is how often people can say anything about each: who cannot say tells nothing.
    """
    told = gains(belief, attributes.z, steepness=steepness)
    if answered is not None:
        told = told * answered
    told[list(asked)] = -1.0
    at = int(np.argmax(told))
    return (at, float(told[at])) if told[at] >= 0 else (-1, 0.0)
