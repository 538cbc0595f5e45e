"""How what is said compares with what a recommender said: BLEU, ROUGE-L, distinct-n, perplexity, groundedness.

Three ways to word the same suggestion, that of the offline suggester: the film alone, the film with what the evidence
for it says, and what a recommender said at the nearest moment of the dev part with the film in it. All are compared
with what was said on INSPIRED's test part, where the film that was suggested is often another one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from palate.converse.grounding import groundedness
from palate.converse.retrieval import BM25, Texts, words_of
from palate.converse.suggesting import RECENT, Suggester, masked
from palate.converse.wording import facts_of, retold, suggested
from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric
from palate.importers.dialogues import Suggestion
from palate.metrics.text import bleu, distinct, perplexity, rouge_l

TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[^\w\s]")
MIX = (0.6, 0.35, 0.05)
"""How much pairs of words, single words and any word at all count in `Pairs`."""


def tokens(text: str) -> list[str]:
    return TOKEN.findall(text.lower())


class Pairs:
    """A language model of word pairs, interpolated (Jelinek and Mercer 1980): what talk of this kind sounds like."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self.single: Counter[str] = Counter()
        self.after: dict[str, Counter[str]] = {}
        for text in texts:
            self.single.update(text)
            for first, second in zip(["^", *text], text, strict=False):
                self.after.setdefault(first, Counter())[second] += 1
        self.total = self.single.total()

    def logs(self, text: Sequence[str]) -> list[float]:
        """log p of each word: a P(word | word before) + b P(word) + c / (words known + 1)."""
        found = []
        for first, second in zip(["^", *text], text, strict=False):
            own = self.after.get(first, Counter[str]())
            pair = own[second] / own.total() if own else 0.0
            any_word = 1 / (len(self.single) + 1)
            found.append(math.log(MIX[0] * pair + MIX[1] * self.single[second] / self.total + MIX[2] * any_word))
        return found


def spoken(suggester: Suggester, earlier: Sequence[Suggestion], cases: Sequence[Suggestion]) -> dict[str, list[str]]:
    """Each way's words for each case; where nobody named a film before, there is nothing to retell but its name."""
    knowledge = suggester.knowledge
    moments = [case for case in earlier if case.film.rsplit(" (", 1)[0] in case.said]
    search = BM25(Texts([_recent(case) for case in moments]))
    found: dict[str, list[str]] = {"film alone": [], "film and evidence": [], "retold": []}
    for case in cases:
        scores = np.where(masked(knowledge, case), -np.inf, suggester.scores(case))
        film = knowledge.candidates[int(np.argmax(scores))]
        claims = [claim.text for claim in suggested(knowledge, case, film)]
        found["film alone"].append(claims[0])
        found["film and evidence"].append(" ".join(claims))
        near = int(np.argmax(search.scores(_recent(case)))) if moments else None
        found["retold"].append(claims[0] if near is None else retold(film, moments[near]))
    return found


def grounded(suggester: Suggester, cases: Sequence[Suggestion], texts: Sequence[str]) -> list[float]:
    """The share of each answer's sentences that the facts about the film suggested support."""
    knowledge = suggester.knowledge
    found = []
    for case, text in zip(cases, texts, strict=True):
        scores = np.where(masked(knowledge, case), -np.inf, suggester.scores(case))
        film = knowledge.candidates[int(np.argmax(scores))]
        facts = [f"Have you seen {film}?", *(fact.text for fact in facts_of(knowledge, case, film))]
        sentences = [part for part in re.split(r"(?<=[.!?]) +", text) if len(part) >= 3]
        found.append(groundedness(sentences, [facts] * len(sentences)))
    return found


def _recent(case: Suggestion) -> list[str]:
    return [word for utterance in case.before[-RECENT:] for word in words_of(utterance.text)]


def language_metrics(
    suggester: Suggester,
    earlier: Sequence[Suggestion],
    cases: Sequence[Suggestion],
    heard: Sequence[str],
    *,
    seed: int,
) -> tuple[dict[str, Metric], list[dict[str, Any]]]:
    """Metrics of every way, and a table; `heard` are the utterances that the language model of pairs learns from."""
    pairs = Pairs([tokens(text) for text in heard])
    wanted = [tokens(case.said) for case in cases]
    groups = [case.dialogue for case in cases]
    said: Mapping[str, list[str]] = {
        **spoken(suggester, earlier, cases),
        "what people said": [case.said for case in cases],
    }
    metrics: dict[str, Metric] = {}
    rows = []
    for name, texts in said.items():
        own = [tokens(text) for text in texts]
        row: dict[str, Any] = {"way": name}
        if name != "what people said":
            rouge = [rouge_l(text, reference) for text, reference in zip(own, wanted, strict=True)]
            metrics[f"{name}/rouge-l"] = bootstrap(rouge, clusters=groups, seed=seed)
            metrics[f"{name}/groundedness"] = bootstrap(grounded(suggester, cases, texts), clusters=groups, seed=seed)
            row |= {f"BLEU-{n}": f"{bleu(own, [[one] for one in wanted], n):.4f}" for n in (1, 2, 4)}
            row |= {"ROUGE-L": f"{metrics[f'{name}/rouge-l'].value:.3f}"}
            row |= {"groundedness": f"{metrics[f'{name}/groundedness'].value:.2f}"}
        else:
            row |= {**dict.fromkeys(("BLEU-1", "BLEU-2", "BLEU-4", "ROUGE-L", "groundedness"), "-")}
        row |= {f"distinct-{n}": f"{distinct(own, n):.3f}" for n in (1, 2)}
        row |= {"perplexity": f"{perplexity([log for text in own for log in pairs.logs(text)]):.1f}"}
        rows.append(row)
    return metrics, rows
