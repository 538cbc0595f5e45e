"""Byte-pair encoding (Sennrich et al. 2016, algorithm 1), in an order that the words alone decide.

The trainer of `tokenizers` breaks ties by the order of a hash table, so that two runs of one seed would part ways.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

FOLLOWS = "</w>"
Pair = tuple[str, str]


def pieces(word: str) -> list[str]:
    """`cat` -> c, a, t</w>."""
    return [*word[:-1], word[-1] + FOLLOWS]


def merged(parts: list[str], pair: Pair) -> list[str]:
    """The parts with every occurrence of the pair joined, from the left."""
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def learn_merges(words: Counter[str], most: int, fewest: int) -> list[Pair]:
    """Up to `most` merges, the most frequent pair first, ties by the alphabet; none rarer than `fewest`."""
    split = {word: pieces(word) for word in words}
    counts: Counter[Pair] = Counter()
    where: dict[Pair, set[str]] = defaultdict(set)
    for word, parts in split.items():
        for pair in pairwise(parts):
            counts[pair] += words[word]
            where[pair].add(word)
    merges: list[Pair] = []
    while counts and len(merges) < most:
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < fewest:
            break
        merges.append(best)
        for word in where.pop(best):
            old = split[word]
            new = split[word] = merged(old, best)
            for pair in pairwise(old):
                counts[pair] -= words[word]
                if pair in where:
                    where[pair].discard(word)
            for pair in pairwise(new):
                counts[pair] += words[word]
                where[pair].add(word)
        counts = +counts
    return merges
