"""A bank of pictures that drawing models really drew: an entry is a prompt and the model that draws it.

Candidates name both, so that a conversation steers the model as well as the words. What words say of an entry before it
is seen (`words`) comes from the other prompts alone: where words lie, a linear map from words to pictures that was
fitted on other things, and what the model makes different on every other prompt, which is its specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from palate.steer.bank import EACH, Options
from palate.taste.evidence import Floats, Rows
from palate.taste.space import TasteSpace, Vectors, taste_space
from palate.writers.variants import CATEGORIES

NEAR = 8
"""How many models count as drawing nearly alike."""
FOLDS = 5
RIDGE = 1.0
BASIS_PICTURES = 4000


class DrawnPackage(Protocol):
    """What is asked of a package of drawn pictures (`palate_pocket.Bank`)."""

    @property
    def models(self) -> Sequence[str]: ...
    @property
    def prompts(self) -> Sequence[Any]:
        """Each with text, kind, seeds and slots."""

    @property
    def words(self) -> Any:
        """(Q, dim) the prompts' vectors."""

    def row(self, model: int, prompt: int, seed: int = 0) -> int: ...
    def vectors(self, rows: Sequence[int]) -> Any: ...


@dataclass(frozen=True)
class DrawnBank:
    """Entries are numbered prompt * M + model."""

    space: TasteSpace
    texts: tuple[str, ...]
    """(P,)"""
    things: tuple[str, ...]
    """(P,) what each prompt is about, whatever its look."""
    plain: tuple[bool, ...]
    """(P,) whether a prompt says nothing of a look."""
    models: tuple[str, ...]
    """(M,)"""
    drawn: Floats
    """(P, M, S, d) features of the pictures."""
    said: Floats
    """(P, M, d) what is expected of them before they are seen."""
    near: Rows
    """(M, NEAR) the models that draw most alike."""
    spoken: Floats
    """(P, d) where words alone lie."""

    @property
    def wide(self) -> int:
        return int(self.drawn.shape[-1])

    def entry(self, prompt: Rows | int, model: Rows | int) -> Rows:
        entries: Rows = np.asarray(prompt) * len(self.models) + np.asarray(model)
        return entries

    def parts(self, entry: int) -> tuple[int, int]:
        """Prompt and model."""
        return divmod(int(entry), len(self.models))

    def first(self, count: int, rng: np.random.Generator) -> Rows:
        """Things that can be said more of, in plain words, by any model: nobody has chosen one yet."""
        looks = {thing for thing, plain in zip(self.things, self.plain, strict=True) if not plain}
        open_ones = [at for at, thing in enumerate(self.things) if self.plain[at] and (thing in looks or not looks)]
        luck = rng.random((count, 2))
        prompts = np.array(open_ones)[_below(luck[:, 0], len(open_ones))]
        return self.entry(prompts, _below(luck[:, 1], len(self.models)))

    def options(self, entries: Rows, rng: np.random.Generator) -> Options:
        """Five each of a model that draws alike, a look more, another model, another thing, and anything."""
        prompts, models = np.divmod(np.asarray(entries)[:, None], len(self.models))
        categories = tuple(category for category in CATEGORIES for _ in range(EACH))
        luck = np.moveaxis(rng.random((len(entries), len(categories), 2)), -1, 0)
        near = self.near[models, _below(luck[0], self.near.shape[1])]
        same, alike = self._companions
        more, another = _one_of(same, prompts, luck[0]), _one_of(alike, prompts, luck[0])
        anything = _below(luck[0], len(self.texts)), _below(luck[1], len(self.models))
        changes = {
            "rephrase": (prompts, near),
            "expansion": (np.where(more < 0, prompts, more), np.where(more < 0, near, models)),
            "style": (prompts, _below(luck[1], len(self.models))),
            "subject": (np.where(another < 0, prompts, another), models),
        }
        found = np.empty((len(entries), len(categories)), dtype=np.intp)
        for category in CATEGORIES:
            own = np.array([name == category for name in categories])
            prompt, model = (np.broadcast_to(part, found.shape) for part in changes.get(category, anything))
            found[:, own] = self.entry(prompt[:, own], model[:, own])
        return Options(found, categories, self.words(found))

    @cached_property
    def _companions(self) -> tuple[list[Rows], list[Rows]]:
        """Of each prompt: the others about its thing, and those about other things that say a look where it does."""
        things, plain, every = np.array(self.things), np.array(self.plain), np.arange(len(self.texts))
        same = [np.flatnonzero((things == things[at]) & (every != at)) for at in every]
        other = [np.flatnonzero((things != things[at]) & (plain == plain[at])) for at in every]
        other = [own if len(own) else np.flatnonzero(things != things[at]) for at, own in enumerate(other)]
        return same, other

    def words(self, entries: Rows) -> Floats:
        prompts, models = np.divmod(np.asarray(entries), len(self.models))
        said: Floats = self.said[prompts, models]
        return said

    def pictures(self, entries: Rows) -> Floats:
        prompts, models = np.divmod(np.asarray(entries), len(self.models))
        drawn: Floats = self.drawn[prompts, models]
        return drawn


def _below(luck: Floats, count: int) -> Rows:
    """Uniform numbers of [0, 1) as whole ones below `count`."""
    found: Rows = np.minimum((luck * count).astype(np.intp), count - 1)
    return found


def _one_of(companions: Sequence[Rows], prompts: Rows, luck: Floats) -> Rows:
    """One of each prompt's companions (n, L_C), -1 where it has none."""
    counts = np.array([len(own) for own in companions])
    table = np.full((len(companions), max(int(counts.max()), 1)), -1)
    for at, own in enumerate(companions):
        table[at, : len(own)] = own
    most = counts[prompts]
    found: Rows = table[prompts, np.minimum((luck * most).astype(np.intp), np.maximum(most - 1, 0))]
    return found


def drawn_bank(bank: DrawnPackage, *, wide: int = 24, seeds: int = 4) -> DrawnBank:
    """The prompts that were drawn at least `seeds` times, by every model, over the `wide` directions they differ in."""
    kept = [at for at, prompt in enumerate(bank.prompts) if len(prompt.seeds) >= seeds]
    models = len(bank.models)
    rows = [bank.row(m, p, s) for p in kept for m in range(models) for s in range(seeds)]
    vectors = np.asarray(bank.vectors(rows), dtype=np.float32)
    words = np.asarray(bank.words, dtype=np.float32)[kept]
    chosen = np.random.default_rng(0).permutation(len(vectors))[:BASIS_PICTURES]
    space = of_unit_variance(taste_space(vectors[chosen], words, wide=wide))
    prompts = [bank.prompts[at] for at in kept]
    about = tuple(_thing(prompt) for prompt in prompts), tuple(not prompt.slots for prompt in prompts)
    texts = tuple(str(prompt.text) for prompt in prompts)
    return bank_in(space, texts, *about, tuple(bank.models), vectors.reshape(len(kept), models, seeds, -1), words)


def bank_in(
    space: TasteSpace,
    texts: tuple[str, ...],
    things: tuple[str, ...],
    plain: tuple[bool, ...],
    models: tuple[str, ...],
    vectors: Vectors,
    words: Vectors,
) -> DrawnBank:
    """Of pictures (P, M, S, dim) of prompts whose words are (P, dim)."""
    drawn = space.of_pictures(vectors.reshape(-1, vectors.shape[-1])).reshape(*vectors.shape[:-1], space.wide)
    middle = drawn.mean(axis=2)
    spoken = space.of_words(words)
    said = expected(spoken, middle, things)
    near = alike(middle.mean(axis=0), min(NEAR, len(models) - 1))
    return DrawnBank(space, texts, things, plain, models, drawn, said, near, spoken)


def of_unit_variance(space: TasteSpace) -> TasteSpace:
    """The same directions, longer, so that features vary by 1 on average."""
    longer = np.sqrt(space.wide / space.total)
    return replace(space, directions=space.directions * longer, total=float(space.wide))


def _thing(prompt: Any) -> str:
    """`a thin outline icon of cloud` and `an icon of cloud` are about one thing."""
    return str(prompt.slots.get("concept") or prompt.text.rpartition(" of ")[2])


def expected(words: Floats, middle: Floats, things: Sequence[str]) -> Floats:
    """What is expected of each prompt by each model (P, M, d), of words (P, d) and mean pictures (P, M, d).

    The map from words to pictures is fitted by ridge regression on things of other folds, and a model's own share is
    its mean difference from all models over the prompts about other things: nothing of an entry's own pictures is used.
    """
    fold = np.array([sorted(set(things)).index(thing) % FOLDS for thing in things])
    everybody = middle.mean(axis=1)
    mapped = np.empty_like(everybody)
    for number in range(FOLDS):
        out = fold == number
        mapped[out] = (
            mapped_to_pictures(words[~out], everybody[~out], words[out]) if not out.all() else everybody.mean(0)
        )
    own = middle - everybody[:, None]
    names = np.array(things)
    found: Floats = np.empty_like(middle)
    for thing in set(things):
        about = names == thing
        share = own[~about].mean(axis=0) if (~about).any() else np.zeros_like(own[0])
        found[about] = mapped[about][:, None] + share
    return found


def mapped_to_pictures(words: Floats, pictures: Floats, asked: Floats) -> Floats:
    """Where pictures of the words `asked` (A, d) lie, by ridge regression of pictures (P, d) on words (P, d)."""
    X, Y = words - words.mean(axis=0), pictures - pictures.mean(axis=0)
    B = np.linalg.solve(X.T @ X + RIDGE * np.eye(X.shape[1]), X.T @ Y)
    found: Floats = (asked - words.mean(axis=0)) @ B + pictures.mean(axis=0)
    return found


def alike(means: Floats, count: int) -> Rows:
    """(M, count) the nearest other models by their mean picture (M, d)."""
    if count < 1:
        return np.zeros((len(means), 1), dtype=np.intp)
    apart = ((means[:, None] - means[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest: Rows = np.argsort(apart, axis=1)[:, :count]
    return nearest
