"""Hunches of what a history has in common, and what the hub's own models are asked for because of them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image
from scipy.stats import multivariate_normal

from palate.personalise.from_hub import Repertoire, Wish, best_of, for_history, opened, wishes
from palate.personalise.hunches import Hunch, gains, hunches, learn, showing

STYLES, TOPICS = ("ink", "oil", "neon"), ("cats", "cars", "trees", "cups")
DIM = 12


def picture(style: int, topic: int, chance: np.random.Generator) -> np.ndarray:
    """The first directions say who drew it, the next ones what it shows, the rest nothing."""
    vector = 0.4 * chance.standard_normal(DIM)
    vector[style] += 2.0
    vector[len(STYLES) + topic] += 2.0
    return vector


@pytest.fixture(scope="module")
def hub() -> tuple[list[dict[str, str]], np.ndarray]:
    chance = np.random.default_rng(0)
    pairs = [(style, topic) for style in range(3) for topic in range(4) for _ in range(10)]
    labels = [{"style": STYLES[style], "topic": TOPICS[topic]} for style, topic in pairs]
    return labels, np.array([picture(style, topic, chance) for style, topic in pairs])


def test_gains_are_the_logarithms_of_two_densities(hub: tuple[list[dict[str, str]], np.ndarray]) -> None:
    known = learn(hub[1], hub[0])
    z = (hub[1][:5] - known.mean) @ known.directions
    of = known.kinds["topic"]
    shared = np.linalg.inv(of.inverse)
    every = multivariate_normal(np.zeros(z.shape[1]), np.eye(z.shape[1])).logpdf(z)
    for place in range(len(of.values)):
        own = multivariate_normal(of.means[place], (shared + shared.T) / 2).logpdf(z)
        assert gains(known, hub[1][:5], "topic")[:, place] == pytest.approx(own - every)


def test_whoever_likes_one_thing_by_all_hands_likes_the_thing_and_the_other_way_round(
    hub: tuple[list[dict[str, str]], np.ndarray],
) -> None:
    known, chance, right = learn(hub[1], hub[0]), np.random.default_rng(1), 0
    for _ in range(20):
        topic, style = int(chance.integers(4)), int(chance.integers(3))
        of_topic = np.array([picture(hand % 3, topic, chance) for hand in range(5)])
        of_style = np.array([picture(style, thing % 4, chance) for thing in range(5)])
        first, second = hunches(known, of_topic)[0], hunches(known, of_style)[0]
        right += (first.kind, first.value) == ("topic", TOPICS[topic])
        right += (second.kind, second.value) == ("style", STYLES[style])
    assert right >= 38


def test_weights_add_up_and_nothing_is_believed_of_nobody(hub: tuple[list[dict[str, str]], np.ndarray]) -> None:
    known = learn(hub[1], hub[0])
    assert sum(hunch.weight for hunch in hunches(known, hub[1][:2])) == pytest.approx(1.0)
    assert hunches(known, np.empty((0, DIM))) == []
    assert hunches(learn(hub[1], [{} for _ in hub[0]]), hub[1][:2]) == []
    assert not showing(known, hub[1][:3], []).any()


def test_too_few_pictures_of_a_value_say_nothing_of_it(hub: tuple[list[dict[str, str]], np.ndarray]) -> None:
    labels = [{"style": "rare" if at < 3 else row["style"]} for at, row in enumerate(hub[0])]
    assert learn(hub[1], labels).kinds["style"].values == tuple(sorted(STYLES))


def test_equal_pictures_teach_nothing_and_break_nothing() -> None:
    known = learn(np.ones((20, DIM)), [{"style": STYLES[at % 2]} for at in range(20)])
    assert np.isfinite([hunch.weight for hunch in hunches(known, np.ones((3, DIM)))]).all()


def repertoire(hub: tuple[list[dict[str, str]], np.ndarray]) -> Repertoire:
    models = [f"m-{row['style']}" for row in hub[0]]
    return Repertoire.of(models, [f"one of {row['topic']}" for row in hub[0]], hub[0], hub[1])


def test_a_style_fixes_the_hand_and_a_topic_the_words(hub: tuple[list[dict[str, str]], np.ndarray]) -> None:
    known, chance = repertoire(hub), np.random.default_rng(0)
    by_style = wishes(known, [Hunch("style", "oil", 1.0)], 30, chance)
    assert {wish.model for wish in by_style} == {"m-oil"}
    assert len({wish.words for wish in by_style}) == 4
    by_topic = wishes(known, [Hunch("topic", "cats", 1.0)], 30, chance)
    assert {wish.words for wish in by_topic} == {"one of cats"}
    assert 1 < len({wish.model for wish in by_topic}) <= 3
    assert len({wish.seed for wish in by_topic}) == 30
    assert len({wish.model for wish in wishes(known, [], 30, chance)}) == 3


def test_none_of_the_same_words_while_there_are_others(hub: tuple[list[dict[str, str]], np.ndarray]) -> None:
    known, held = repertoire(hub), [Hunch("topic", "cats", 1.0)]
    wanted = [Wish("m-oil", words, 0) for words in ("a", "a", "a", "b", "c")]
    chance = np.random.default_rng(3)
    drawn = np.array([picture(1, topic, chance) for topic in (0, 0, 0, 0, 3)])
    assert {wanted[at].words for at in best_of(known, held, wanted, drawn, 3)} == {"a", "b", "c"}
    assert len(set(best_of(known, held, wanted, drawn, 5))) == 5


def test_of_many_drawn_pictures_those_are_shown_that_show_it_best(
    hub: tuple[list[dict[str, str]], np.ndarray],
) -> None:
    """Hands that forget half of what they are told: the other half is shown."""
    chance, asked = np.random.default_rng(2), list[Wish]()

    def draw(wanted: Sequence[Wish]) -> list[bytes]:
        asked.extend(wanted)
        made = []
        for wish in wanted:
            style, topic = STYLES.index(wish.model[2:]), TOPICS.index(wish.words[7:])
            topic = topic if chance.random() < 0.5 else int(chance.integers(4))
            file = io.BytesIO()
            Image.new("RGB", (1, 1), (style, topic, 0)).save(file, "PNG")
            made.append(file.getvalue())
        return made

    def see(pictures: Sequence[Image.Image]) -> np.ndarray:
        return np.array([picture(*_meant(one), chance) for one in pictures])

    history = np.array([picture(hand % 3, 2, chance) for hand in range(5)])
    held, shown = for_history(repertoire(hub), history, see, draw, count=4, of=24)
    assert (held[0].kind, held[0].value) == ("topic", "trees")
    assert len(asked) == 24
    assert [_meant(opened(png))[1] for _, png in shown] == [2, 2, 2, 2]


def _meant(one: Image.Image) -> tuple[int, int]:
    style, topic, _ = np.asarray(one)[0, 0].tolist()
    return style, topic
