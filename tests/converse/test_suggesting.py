"""Evidence for a film, and the weights that experience gives it."""

from __future__ import annotations

import numpy as np
import pytest

from palate.converse.suggesting import EVIDENCE, Knowledge, Suggester, apart, fused, masked, weights_of
from palate.importers.dialogues import Dialogue, Film, Suggestion, Utterance, suggestions

SCARY, FUNNY = ["Jaws (1975)", "Alien (1979)", "Saw (2004)"], ["Airplane! (1980)", "Big (1988)", "Elf (2003)"]
FILMS = {title: Film(title, ("horror" if title in SCARY else "comedy",)) for title in SCARY + FUNNY}


def talk(number: int) -> Dialogue:
    """Somebody who asks for one kind and gets a film of it."""
    own, word = ((SCARY, "scary"), (FUNNY, "funny"))[number % 2]
    asked = Utterance(False, f"something {word} please", (), ("horror" if own is SCARY else "comedy",))
    return Dialogue(str(number), (asked, Utterance(True, "try this", (own[number // 2 % 3],))))


TALKS = [talk(number) for number in range(24)]


def test_evidence_by_hand() -> None:
    knowledge = Knowledge(SCARY + FUNNY, TALKS, FILMS)
    case = suggestions([talk(0)])[0]
    evidence = dict(zip(EVIDENCE, knowledge.evidence(case).T, strict=True))
    assert np.exp(evidence["recommended"]) == pytest.approx(np.full(6, 5.0))
    assert evidence["genres"][:3].min() > evidence["genres"][3:].max() == 0
    assert evidence["words"][:3].min() > evidence["words"][3:].max()
    assert not evidence["together"].any()


def test_what_was_asked_for_comes_first() -> None:
    knowledge = Knowledge(SCARY + FUNNY, TALKS, FILMS)
    suggester = Suggester(knowledge)
    for case in suggestions([talk(0), talk(1)]):
        scores = suggester.scores(case)
        kind = SCARY if case.film in SCARY else FUNNY
        assert {knowledge.candidates[at] for at in np.argsort(-scores)[:3]} == set(kind)


def test_no_conversation_is_in_the_knowledge_that_its_evidence_comes_from() -> None:
    parts = apart(SCARY + FUNNY, TALKS, FILMS, folds=5)
    assert sorted(one.id for _, own in parts for one in own) == sorted(one.id for one in TALKS)
    for knowledge, own in parts:
        assert knowledge.named.sum() == len(TALKS) - len(own)


def test_films_that_were_named_are_no_candidates() -> None:
    knowledge = Knowledge(SCARY, [], FILMS)
    assert masked(knowledge, Suggestion("x", (), frozenset({"Jaws (1975)", "Unknown"}))).tolist() == [
        True,
        False,
        False,
    ]


def test_fusion_by_hand() -> None:
    evidence = np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 5.0]])
    first, tied = 1 / (5 + 1), 1 / (5 + 2.5)
    assert fused(evidence, 5.0) == pytest.approx([first + tied, 1 / 7 + tied, 1 / 8 + first])


def test_weights_are_those_of_the_conditional_logit_that_chose() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([1.5, 0.7])
    cases = []
    for _ in range(3000):
        evidence = rng.standard_normal((5, 2))
        shares = np.exp(evidence @ truth)
        cases.append((evidence, int(rng.choice(5, p=shares / shares.sum())), np.zeros(5, dtype=bool)))
    np.testing.assert_allclose(weights_of(cases), truth, atol=0.08)
    against = [(np.column_stack([evidence, -evidence[:, 0]]), which, out) for evidence, which, out in cases]
    assert weights_of(against)[2] == 0
