"""How near words come to other words, and how varied they are. Texts are lists of words, however they were split."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

Words = Sequence[str]


def ngrams(words: Words, n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def bleu(said: Sequence[Words], wanted: Sequence[Sequence[Words]], n: int = 4) -> float:
    """Corpus BLEU (Papineni et al. 2002, section 2.3): clipped n-gram precisions, geometric mean, brevity penalty.

    `wanted` holds one or more references a text. 0 where any n-gram length has no hit; higher is better.
    """
    hits, possible = [0] * n, [0] * n
    length = reference_length = 0
    for text, references in zip(said, wanted, strict=True):
        length += len(text)
        reference_length += min((abs(len(one) - len(text)), len(one)) for one in references)[1]
        for size in range(1, n + 1):
            own = ngrams(text, size)
            most: Counter[tuple[str, ...]] = Counter()
            for reference in references:
                most |= ngrams(reference, size)
            hits[size - 1] += (own & most).total()
            possible[size - 1] += own.total()
    if not all(hits):
        return 0.0
    brevity = min(0.0, 1 - reference_length / length)
    return math.exp(brevity + sum(math.log(hit / of) for hit, of in zip(hits, possible, strict=True)) / n)


def rouge_n(said: Words, wanted: Words, n: int = 2) -> float:
    """F1 of shared n-grams (Lin 2004, section 2); higher is better."""
    own, other = ngrams(said, n), ngrams(wanted, n)
    return _f1((own & other).total(), own.total(), other.total())


def rouge_l(said: Words, wanted: Words) -> float:
    """F1 of the longest common subsequence (Lin 2004, section 3); higher is better."""
    row = [0] * (len(wanted) + 1)
    for word in said:
        diagonal = 0
        for at, other in enumerate(wanted, 1):
            diagonal, row[at] = row[at], diagonal + 1 if word == other else max(row[at], row[at - 1])
    return _f1(row[-1], len(said), len(wanted))


def distinct(texts: Sequence[Words], n: int = 2) -> float:
    """Different n-grams over all n-grams of the texts together (Li et al. 2016, section 5); higher is more varied."""
    every: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        every += ngrams(text, n)
    return len(every) / every.total() if every else 0.0


def perplexity(log_probabilities: Sequence[float]) -> float:
    """exp of the mean surprise of words, given their natural log-probabilities; lower is better."""
    return math.exp(-sum(log_probabilities) / len(log_probabilities))


def _f1(shared: int, said: int, wanted: int) -> float:
    return 2 * shared / (said + wanted) if shared else 0.0
