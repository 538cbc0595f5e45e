"""The `text` scenario: what a writer of candidate prompts writes, over prompts that people wrote.

`usable` and `faithful` are the checks that every candidate has to pass anyway, here of all that the writer said;
`self_bleu` is how alike the candidates of one prompt are, `distinct` how varied all of them are together. Perplexity is
by a bigram model of other people's prompts, add-one smoothed: a stand-in for naturalness, comparable only to itself.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric, Report, write_run
from palate.metrics.text import bleu, distinct, perplexity, rouge_l
from palate.specify.orders import default_prompts
from palate.writers.checking import checked, content_words
from palate.writers.offline import OfflineWriter
from palate.writers.variants import Brief, PromptWriter

SCENARIO = "text"
LEARNED = 3000
"""Prompts that the bigrams are counted on, none of which is asked."""


class Bigrams:
    """P(word | word before), add-one over the words that were seen."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.first: Counter[str] = Counter()
        for words in texts:
            for before, word in zip(["<s>", *words], words, strict=False):
                self.pairs[before, word] += 1
                self.first[before] += 1
        self.vocabulary = len({word for _, word in self.pairs}) + 1

    def logs(self, words: Sequence[str]) -> list[float]:
        return [
            math.log((self.pairs[before, word] + 1) / (self.first[before] + self.vocabulary))
            for before, word in zip(["<s>", *words], words, strict=False)
        ]


def words_of(text: str) -> list[str]:
    return text.casefold().replace(",", " ").split()


def prompts_of(data: Path | None, cases: int, seed: int) -> tuple[list[str], list[str]]:
    """Prompts to ask with, and others to count words on: ImageReward's, else those that ship."""
    file = None if data is None else data / "prompts" / "imagereward_refl.json"
    if file is None or not file.is_file():
        return [prompt.text for prompt in default_prompts()][:cases], []
    texts = list(dict.fromkeys(row["text"] for row in json.loads(file.read_text("utf-8"))))
    order = np.random.default_rng([seed, 1]).permutation(len(texts))
    return [texts[at] for at in order[:cases]], [texts[at] for at in order[cases : cases + LEARNED]]


def measured(writer: PromptWriter, asked: Sequence[str], known: Sequence[str], seed: int) -> dict[str, Metric]:
    columns: dict[str, list[float]] = {}
    everything: list[list[str]] = []
    model = Bigrams([words_of(text) for text in known]) if known else None
    for number, prompt in enumerate(asked):
        brief = Brief(prompt, seed=seed + number)
        answer = writer.write(brief)
        used, refused = checked(answer, brief)
        texts = [words_of(variant.text) for variant in used]
        everything += texts
        kept = content_words(prompt)
        faithful = [len(kept & content_words(variant.text)) / len(kept) for variant in used if kept]
        found = {"usable": len(used) / max(len(used) + refused, 1), "self_bleu": self_bleu(texts)}
        found["rouge_l"] = float(np.mean([rouge_l(text, words_of(prompt)) for text in texts])) if texts else 0.0
        if faithful:
            found["faithful"] = float(np.mean(faithful))
        if model is not None and texts:
            found["perplexity"] = perplexity([log for text in texts for log in model.logs(text)])
        for name, value in found.items():
            columns.setdefault(name, []).append(value)
    metrics = {f"{writer.name}/{name}": bootstrap(values, seed=seed) for name, values in columns.items()}
    if model is not None:
        people = [perplexity(model.logs(words_of(text))) for text in asked if words_of(text)]
        metrics["people/perplexity"] = bootstrap(people, seed=seed)
    for n in (1, 2):
        value = distinct(everything, n)
        metrics[f"{writer.name}/distinct{n}"] = Metric(value, (value, value), len(everything))
    return metrics


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Mean BLEU-2 of each text with the others as references (Zhu et al. 2018); 0 where there are fewer than two."""
    if len(texts) < 2:
        return 0.0
    scores = [bleu([text], [[*texts[:at], *texts[at + 1 :]]], 2) for at, text in enumerate(texts)]
    return float(np.mean(scores))


def evaluate_text(
    data: Path | None, *, cases: int, writer: PromptWriter | None = None, seed: int = 0, out: Path | None = None
) -> Report:
    began = time.perf_counter()
    asked, known = prompts_of(data, cases, seed)
    metrics = measured(writer or OfflineWriter(), asked, known, seed)
    left_out: dict[str, Any] = {
        "groundedness of talk": "the scenario `converse` asks whether answers name only what was found",
        "captions": "need a captioner and pictures whose words are known",
    }
    if not known:
        left_out["perplexity"] = "needs prompts that people wrote (--data-dir DIR with prompts/)"
    where = None if out is None else str(out)
    report = Report(SCENARIO, metrics, len(asked), 0, time.perf_counter() - began, where, {}, left_out)
    if out is not None:
        write_run(out, {"scenario": SCENARIO, "seed": seed}, [{"prompt": text} for text in asked], [], report)
    return report
