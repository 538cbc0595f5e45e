"""Words and an example picture in one ranking, against each alone, on GEMRec's real features.

Somebody asks for words p, which nobody drew, and shows a picture that model m drew for other words q, which nobody drew
either. Which model is right? Three definitions, none of which a method can see:

    top1         *alike and fitting*: of the `ALIKE` models whose real style is nearest to m's (m among them), the one
                 whose real picture for p has the best CLIP-Score. Both are taken from all real pictures.
    top1_chosen  *a person's own choice*: somebody saw what `SLATE` random models really drew for p, took the best by
                 GRE-Score, and shows another picture by that model.
    top1_drew    *who drew it*: m itself, the words being the picture's own caption: alone they say nothing.

The example comes without its caption except in the last. Each source is scaled by leave-one-out on the specification
prompts (`palate.find.evidence.fit_scale`); nothing is tuned on the definitions above.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.gemrec_find import Hub, Splits, specifications_of
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric
from palate.find.evidence import Source, combine
from palate.find.hub import learn_style_scale
from palate.find.scores import GEMREC_WEIGHTS, Weights
from palate.find.style import StyleIndex, fit_style
from palate.find.words import WordsHub, words_scale, words_scores
from palate.metrics.ranking import target_rank

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

ALIKE = 10
SLATE = 5
BY_CLIP = Weights(1.0, 0.0, 0.0)
BOTH = "words+picture"


@dataclass(frozen=True, eq=False)
class Cases:
    """Ranks of the right model by metric and method, and each case's prompt."""

    ranks: dict[str, dict[str, list[Floats]]] = field(default_factory=dict)
    prompts: dict[str, list[Indices]] = field(default_factory=dict)

    def add(self, metric: str, prompt: int, scores: Mapping[str, Floats], target: Indices) -> None:
        for method, values in scores.items():
            table = np.broadcast_to(values, (len(target), values.shape[-1]))
            self.ranks.setdefault(metric, {}).setdefault(method, []).append(target_rank(table, target))
        self.prompts.setdefault(metric, []).append(np.full(len(target), prompt))


def evaluate_evidence(
    hub: Hub,
    splits: Splits,
    *,
    seed: int = 0,
    styles: Mapping[int, StyleIndex] | None = None,
    learned: Mapping[int, WordsHub] | None = None,
) -> dict[str, Metric]:
    """All three definitions over all splits; intervals by resampling the asked prompts.

    `styles` and `learned` are those already fitted to the splits' specification prompts, by split.
    """
    cases = Cases()
    likeness = real_style_likeness(hub)
    for number, (known, asked) in enumerate(splits):
        specifications = specifications_of(hub, known)
        style = (styles or {}).get(number) or fit_style(specifications)
        words = (learned or {}).get(number) or WordsHub.learn(specifications)
        seen = learn_style_scale(specifications)
        by_clip = words_scale(words, BY_CLIP)
        by_gre = words_scale(words, GEMREC_WEIGHTS)
        found = words_scores(words, hub.words[asked])
        rng = np.random.default_rng([seed, number])
        examples = {q: _style_scores(style, hub, q, captioned=False) for q in asked}
        for at, p in enumerate(asked):
            for q, pictures in examples.items():
                if hub.families[p] == hub.families[q]:
                    continue
                scores = _alone_and_together(Source("words", found.clip[at], by_clip), pictures, seen)
                cases.add("top1", p, scores, fitting_of_alike(hub, likeness, p))
                chosen = chosen_from_slates(hub, p, rng)
                source = Source("words", found.gre()[at], by_gre)
                cases.add("top1_chosen", p, _alone_and_together(source, pictures[chosen], seen), chosen)
        _who_drew(cases, style, hub, asked)
    return _metrics(cases, seed)


def real_style_likeness(hub: Hub) -> Floats:
    """(M, M) cosines of the models' real styles: their mean departure from what all models drew, over every prompt.

    Departures are whitened by how much each direction varies within a model, as a quarter ridge keeps it invertible.
    Plain on purpose, and apart from `palate.find.style`: the judge is not one of the judged.
    """
    departures = hub.pictures.astype(np.float64) - hub.pictures.mean(axis=1, keepdims=True)
    means = departures.mean(axis=0)
    within = (departures - means).reshape(-1, means.shape[1])
    values, vectors = np.linalg.eigh(within.T @ within / len(within))
    whitened = means @ vectors / np.sqrt(values + 0.25 * values.mean())
    whitened /= np.maximum(np.linalg.norm(whitened, axis=1, keepdims=True), 1e-12)
    likeness: Floats = whitened @ whitened.T
    return likeness


def fitting_of_alike(hub: Hub, likeness: Floats, prompt: int) -> Indices:
    """(M,) for an example by each model: of the models most like it, the one that really drew the prompt best."""
    alike = np.argsort(-likeness, axis=1, kind="stable")[:, :ALIKE]
    best = hub.clip[prompt][alike].argmax(axis=1)
    return np.take_along_axis(alike, best[:, None], axis=1)[:, 0].astype(np.intp)


def chosen_from_slates(hub: Hub, prompt: int, rng: np.random.Generator) -> Indices:
    """(M,) what as many people choose, each from a slate of random models' real pictures for the prompt."""
    models = len(hub.model_ids)
    slates = rng.random((models, models)).argsort(axis=1)[:, :SLATE]
    best = hub.gre[prompt][slates].argmax(axis=1)
    return np.take_along_axis(slates, best[:, None], axis=1)[:, 0].astype(np.intp)


def _style_scores(style: StyleIndex, hub: Hub, prompt: int, *, captioned: bool) -> Floats:
    """(M, M) each model's style score for the picture that each model drew for the prompt."""
    pictures = hub.pictures[prompt]
    captions = np.repeat(hub.words[prompt][None], len(pictures), axis=0) if captioned else None
    return style.scores(style.queries(pictures, captions)).astype(np.float64)


def _alone_and_together(words: Source, pictures: Floats, scale: float) -> dict[str, Floats]:
    together = combine([words, Source("pictures", pictures, scale)])
    return {"words": words.scores, "picture": pictures, BOTH: together.scores}


def _who_drew(cases: Cases, style: StyleIndex, hub: Hub, asked: Indices) -> None:
    """A picture with the words it was drawn from, the picture alone, and those words alone (nothing to go by)."""
    everybody = np.arange(len(hub.model_ids))
    for prompt in asked:
        scores = {
            "words": np.zeros(len(everybody)),
            "picture": _style_scores(style, hub, prompt, captioned=False),
            BOTH: _style_scores(style, hub, prompt, captioned=True),
        }
        cases.add("top1_drew", prompt, scores, everybody)


def _metrics(cases: Cases, seed: int) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    for name, by_method in cases.ranks.items():
        clusters = np.concatenate(cases.prompts[name])
        ranks = {method: np.concatenate(rows) for method, rows in by_method.items()}
        hits = {method: (values <= 1).astype(np.float64) for method, values in ranks.items()}
        for method, values in hits.items():
            metrics[f"{method}/{name}"] = bootstrap(values, clusters=clusters, seed=seed)
            metrics[f"{method}/{name.replace('top1', 'rank')}"] = bootstrap(ranks[method], clusters=clusters, seed=seed)
            if method != BOTH:
                metrics[f"{BOTH}-{method}/{name}"] = paired(hits[BOTH], values, clusters=clusters, seed=seed)
    return metrics
