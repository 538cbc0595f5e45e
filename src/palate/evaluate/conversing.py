"""The `converse` scenario: the film that a recommender names next, on INSPIRED's conversations (Hayati et al. 2020).

Everything is learned and tuned on `inspired_dev.tsv`, each tenth of it asked with the others known; `inspired_test.tsv`
is asked once. Candidates are the films named in either part; those named before in the same conversation are left out.
Intervals are over conversations.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.converse.prompting import Example, order_by, rank_prompt
from palate.converse.suggesting import (
    EVIDENCE,
    RECENT,
    Apart,
    Knowledge,
    Sizes,
    Suggester,
    apart,
    cases_of,
    fused,
    last_words,
    masked,
    weights_of,
)
from palate.errors import PalateError
from palate.evaluate.converse_language import language_metrics
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric, Report, write_run
from palate.importers.dialogues import Dialogue, Film, Suggestion, read_films, read_inspired, suggestions
from palate.metrics.ranking import target_rank
from palate.writers.speaking import Speaker

SCENARIO = "converse"
DEPTHS = (1, 10, 50)
Floats = NDArray[np.float64]
Score = Callable[[Knowledge, Suggestion], Floats]


def by_popularity(knowledge: Knowledge, _: Suggestion) -> Floats:
    return knowledge.recommended + knowledge.named / 1000


def by_words(knowledge: Knowledge, suggestion: Suggestion) -> Floats:
    return knowledge.words.scores(last_words(suggestion, knowledge.sizes.recent))


def by_meaning(knowledge: Knowledge, suggestion: Suggestion) -> Floats:
    return knowledge.about.scores(last_words(suggestion, knowledge.sizes.recent))


READ = (3, RECENT, 100)
"""How many of the last things said a baseline may read."""
BASELINES: Mapping[str, tuple[Score, Sequence[Sizes]]] = {
    "popularity": (by_popularity, (Sizes(),)),
    "bm25": (by_words, [Sizes(k1, b, recent=read) for k1, b, read in product((0.9, 1.6), (0.4, 0.75), READ)]),
    "dense": (by_meaning, [Sizes(dimensions=wide, recent=read) for wide, read in product((32, 64, 128, 256), READ)]),
}
"""Each with the sizes that are tried on dev."""
SMOOTHING = (5.0, 10.0, 20.0, 60.0)
REORDERED, EXAMPLES = 20, 2
"""Films that a language model is asked to reorder, and how many talks of dev it is shown."""


def evaluate_converse(
    folder: Path,
    *,
    films: Path | None = None,
    speaker: Speaker | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> Report:
    """`films`: MovieLens' items.csv, for what it says of films in both; `speaker` reorders what we suggest."""
    began = time.perf_counter()
    earlier, asked = (read_inspired(folder / f"inspired_{part}.tsv") for part in ("dev", "test"))
    known = {} if films is None else read_films(films)
    candidates = sorted({film for one in (*earlier, *asked) for said in one.utterances for film in said.films})
    cases = suggestions(asked)
    ranks, tuned, suggester, weights = _ranks(candidates, earlier, known, cases)
    failed = 0
    if speaker is not None:
        ranks["llm"], failed = reordered(suggester, speaker, suggestions(earlier), cases)
    groups = [case.dialogue for case in cases]
    heard = [utterance.text for one in earlier for utterance in one.utterances]
    language, said = language_metrics(suggester, suggestions(earlier), cases, heard, seed=seed)
    report = Report(
        scenario=SCENARIO,
        metrics={**_metrics(ranks, groups, seed), **language},
        cases=len(cases),
        unscored=failed,
        took_s=time.perf_counter() - began,
        run=None if out is None else str(out),
        tables={
            f"{len(cases)} suggestions in {len(asked)} conversations, {len(candidates)} films": _table(ranks),
            "What counts where evidence is weighed, not fused": [
                {"evidence": name, "weight": round(float(weight), 3)}
                for name, weight in zip(EVIDENCE, weights, strict=True)
            ],
            "What is said, against what was said": said,
        },
    )
    if out is not None:
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("inspired_*"))}
        specification = {"scenario": SCENARIO, "seed": seed, "files": files, "tuned": tuned}
        rows = [
            {"dialogue": case.dialogue, "film": case.film, **{name: int(own[at]) for name, own in ranks.items()}}
            for at, case in enumerate(cases)
        ]
        write_run(out, specification, rows, (), report)
    return report


def _ranks(
    candidates: Sequence[str], earlier: Sequence[Dialogue], films: Mapping[str, Film], cases: Sequence[Suggestion]
) -> tuple[dict[str, Floats], dict[str, Any], Suggester, Floats]:
    """Each method's rank of each film that was suggested; what was tuned; the offline suggester; the weights."""
    whole, held_out = Knowledge(candidates, earlier, films), apart(candidates, earlier, films)
    ranks: dict[str, Floats] = {}
    tuned: dict[str, Any] = {}

    def asked(knowledge: Knowledge, score: Score) -> Floats:
        return np.array([rank_of(knowledge, case, score(knowledge, case)) for case in cases])

    for name, (score, tried) in BASELINES.items():
        best = max(tried, key=lambda sizes: _reciprocal(score, resized(held_out, sizes)))
        ranks[name], tuned[name] = asked(whole.resized(best), score), vars(best)
    best = Sizes(tuned["bm25"]["k1"], tuned["bm25"]["b"], tuned["dense"]["dimensions"])
    whole, learning = whole.resized(best), cases_of(resized(held_out, best))
    weights = weights_of(learning)
    ranks["weighed"] = asked(whole, lambda knowledge, case: knowledge.evidence(case) @ weights)
    smoothing = max(SMOOTHING, key=lambda k: sum(1 / _place(fused(seen, k), at, known) for seen, at, known in learning))
    suggester = Suggester(whole, smoothing)
    ranks["offline"] = asked(whole, lambda _, case: suggester.scores(case))
    tuned["offline"] = {**vars(best), "smoothing": smoothing}
    return ranks, tuned, suggester, weights


def resized(held_out: Apart, sizes: Sizes) -> Apart:
    return [(knowledge.resized(sizes), own) for knowledge, own in held_out]


def reordered(
    suggester: Suggester, speaker: Speaker, earlier: Sequence[Suggestion], cases: Sequence[Suggestion]
) -> tuple[Floats, int]:
    """Ranks after a language model reordered the first few, shown examples of dev; and how often it failed.

    Where it fails the order stays as it was: that is what people would get, and it is counted as unscored.
    """
    knowledge = suggester.knowledge
    examples = [
        Example(_lines(case), (case.film, *others), 0)
        for case in earlier[:: max(1, len(earlier) // EXAMPLES)][:EXAMPLES]
        if (others := [film for film in knowledge.candidates[:REORDERED] if film != case.film])
    ]
    ranks, failed = [], 0
    for case in cases:
        scores = np.where(masked(knowledge, case), -np.inf, suggester.scores(case))
        top = [int(at) for at in np.argsort(-scores, kind="stable")[:REORDERED]]
        titles = [knowledge.candidates[at] for at in top]
        try:
            order = order_by(speaker, rank_prompt(_lines(case), titles, examples), len(top))
        except PalateError:
            failed += 1
            order = list(range(len(top)))
        best = float(scores[top[0]])
        for place, at in enumerate(order):  # above all others, in the new order
            scores[top[at]] = best + len(order) - place
        ranks.append(rank_of(knowledge, case, scores))
    return np.array(ranks), failed


def _lines(case: Suggestion) -> tuple[str, ...]:
    return tuple(utterance.text for utterance in case.before[-RECENT:])


def _reciprocal(score: Score, parts: Apart) -> float:
    """Mean reciprocal rank on conversations that the knowledge has not seen."""
    found = [
        1.0 / rank_of(knowledge, case, score(knowledge, case)) for knowledge, own in parts for case in suggestions(own)
    ]
    return float(np.mean(found))


def rank_of(knowledge: Knowledge, case: Suggestion, scores: Floats) -> float:
    """The film's rank among those that were not named before, ties counted against it."""
    return _place(scores, knowledge.place[case.film], masked(knowledge, case))


def _place(scores: Floats, place: int, known: NDArray[np.bool_]) -> float:
    left = np.flatnonzero(~known)
    return float(target_rank(scores[left], int(np.searchsorted(left, place))))


def _metrics(ranks: Mapping[str, Floats], groups: Sequence[str], seed: int) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for name, own in ranks.items():
        found |= {f"{name}/recall@{k}": bootstrap(own <= k, clusters=groups, seed=seed) for k in DEPTHS}
        found[f"{name}/mrr"] = bootstrap(1 / own, clusters=groups, seed=seed)
    for name in BASELINES:
        for k in DEPTHS:
            pair = ranks["offline"] <= k, ranks[name] <= k
            found[f"offline-{name}/recall@{k}"] = paired(*pair, clusters=groups, seed=seed)
        found[f"offline-{name}/mrr"] = paired(1 / ranks["offline"], 1 / ranks[name], clusters=groups, seed=seed)
    return found


def _table(ranks: Mapping[str, Floats]) -> list[dict[str, Any]]:
    return [
        {
            "method": name,
            **{f"recall@{k}": f"{(own <= k).mean():.1%}" for k in DEPTHS},
            "mrr": f"{(1 / own).mean():.3f}",
        }
        for name, own in ranks.items()
    ]
