"""Merges that a person can work out."""

from collections import Counter

from recipes import bpe


def test_the_most_frequent_pair_is_joined_first_and_ties_follow_the_alphabet() -> None:
    words = Counter({"low": 5, "lower": 2, "new": 3})
    # l o: 7 times; then o w</w> (5) became lo w</w>: 5; then n e and e w</w>: 3 each, e before n.
    assert bpe.learn_merges(words, 3, fewest=2) == [("l", "o"), ("lo", "w</w>"), ("e", "w</w>")]


def test_rare_pairs_are_left_apart() -> None:
    assert bpe.learn_merges(Counter({"ab": 1}), 10, fewest=2) == []


def test_a_word_that_repeats_a_pair_keeps_its_count() -> None:
    # banana: a n twice, n a once (the last a ends the word): an first, then an an.
    merges = bpe.learn_merges(Counter({"banana": 1}), 2, fewest=1)
    assert merges[0] == ("a", "n")
    assert bpe.merged(list("banan"), ("a", "n")) == ["b", "an", "an"]
