"""`palate recommend`: people who chose what you chose, things that nobody chose yet, and people nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from palate.errors import PalateError
from palate.recommend.asking import Scorer, Things, arranged, fitted, taught
from palate.recommend.content import numbered
from palate.recommend.methods import METHODS
from palate.studio import Studio
from palate.testing.outputs import png

WARM = {"ada": ["a", "b"], "bob": ["a", "b"], "cy": ["a", "b"], "dee": ["x", "y"], "eve": ["a"]}
LOOKS = {
    "a": [1, 0, 0],
    "b": [0.9, 0.1, 0],
    "x": [0, 1, 0],
    "y": [0, 0.9, 0.2],
    "like-b": [0.9, 0.12, 0],
    "odd": [0, 0, 1],
}


def things() -> Things:
    look = np.array(list(LOOKS.values()), np.float32)
    return arranged(list(LOOKS), {id: id for id in LOOKS}, look, WARM)


def test_what_goes_with_my_choice_is_above_what_looks_like_it_and_above_the_rest() -> None:
    all_things = things()
    scores = Scorer(fitted(METHODS["itemknn"], all_things), all_things).scores(all_things.history_of("eve"))[0]
    by_id = dict(zip(all_things.ids, scores, strict=True))
    assert by_id["b"] == 1
    assert by_id["b"] > by_id["like-b"] > max(by_id["x"], by_id["y"], by_id["odd"])


def test_a_campaign_moves_nothing_where_there_is_a_crowd() -> None:
    rng = np.random.default_rng(0)
    ids = [f"p{number}" for number in range(60)]
    look = rng.standard_normal((60, 8)).astype(np.float32)
    crowd = {f"person {at}": [ids[i] for i in rng.choice(50, 12, replace=False)] for at in range(60)}
    campaign = {f"made {at}": [*ids[:12], ids[59]] for at in range(12)}
    joined = arranged(ids, {id: id for id in ids}, look, {**crowd, **campaign})
    assert len(taught(joined, joined.chosen)) <= len(crowd)
    scores = Scorer(fitted(METHODS["popularity"], joined), joined).scores(np.empty(0, np.int64))[0]
    assert scores[joined.ids.index(ids[59])] < np.median(scores)


def test_few_people_are_all_believed() -> None:
    assert len(taught(things(), things().chosen)) == len(WARM)


def test_unknown_people_have_an_empty_history() -> None:
    assert things().history_of("nobody").tolist() == []


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """Eight pictures of two models, all encoded."""
    from palate.catalogue import models as model_rows
    from palate.catalogue.records import Model
    from palate.testing.fakes import FakeEncoder

    monkeypatch.setattr("palate.studio.Studio.encoder", property(lambda self: FakeEncoder()))
    opened = Studio.create(str(tmp_path / "home"))
    with opened.home.write() as connection:
        model_rows.put(
            connection, [Model(name, name, "pipeline", f"fake://{name}", base="SD15") for name in ("ink", "oil")]
        )
    folder = tmp_path / "outputs"
    folder.mkdir()
    for number in range(8):
        said = f"picture {number}\nSteps: 5, Seed: {number}, Model: {('ink', 'oil')[number % 2]}"
        (folder / f"{number}.png").write_bytes(png({"parameters": said}, shade=30 * number))
    opened.add_pictures(folder)
    yield opened
    opened.close()


def pictures(studio: Studio) -> list[str]:
    from palate.catalogue import vectors
    from palate.find.requirement import space_of_home

    with studio.home.read() as connection:
        return vectors.load(connection, space_of_home(studio.home, studio.settings.encoder), "picture")[0]


def test_a_ranking_of_pictures_with_reasons_without_what_was_chosen(studio: Studio) -> None:
    ids = pictures(studio)
    for person, own in {"ada": [0, 1], "bob": [0, 1], "cy": [0, 1, 2], "me": [0]}.items():
        for at in own:
            studio.choose(ids[at], person=person)
    studio.choose(ids[3], kind="dislike")
    answer = studio.recommend(person="me", top=8)
    assert answer.ids[0] == ids[1]
    assert not {ids[0], ids[3]} & set(answer.ids)
    assert len(answer) == 6
    [reason] = answer.rows[0].reasons
    assert "which you chose" in reason.text
    assert reason.pictures == (ids[0],)
    assert reason.worth > 0


def test_somebody_unknown_gets_what_most_people_chose_and_the_reasons_say_so(studio: Studio) -> None:
    ids = pictures(studio)
    for person, own in {"ada": [0, 1], "bob": [1], "cy": [1, 2]}.items():
        for at in own:
            studio.choose(ids[at], person=person)
    for by in ("ease", "multvae", "dense"):
        answer = studio.recommend(person="new", by=by, top=8)
        assert answer.ids[0] == ids[1]
        assert answer.rows[0].reasons[0].text == "3 of 3 people chose it"
        assert "looks like what people chose" in answer.rows[-1].reasons[0].text
        assert "nothing is known of new" in answer.warnings[0]


@pytest.mark.parametrize("by", [name for name, method in METHODS.items() if method.content or method.helped])
def test_methods_that_read_the_pictures_themselves_rank_every_picture(studio: Studio, by: str) -> None:
    ids = pictures(studio)
    for person, own in {"ada": [0, 1], "bob": [0, 1, 2], "cy": [0, 2], "me": [0]}.items():
        for at in own:
            studio.choose(ids[at], person=person)
    answer = studio.recommend(person="me", by=by, top=8)
    assert set(answer.ids) == set(ids) - {ids[0]}
    assert all(0 <= row.score <= 1.0 + 1e-6 for row in answer)
    assert {row.name for row in studio.recommend(person="me", by=by, of="models")} <= {"ink", "oil"}


def test_words_are_numbered_the_rarest_first() -> None:
    rows = numbered(["a red cat, red", "red dog", "", "red 12 of ox"])
    # cat 1, dog 2, red 3: words of fewer than three letters and numbers say nothing.
    assert rows[:, :2].tolist() == [[1, 3], [2, 3], [0, 0], [3, 0]]


def test_models_are_recommended_by_what_people_chose_of_them(studio: Studio) -> None:
    ids = pictures(studio)
    studio.choose(ids[0], person="ada")
    answer = studio.recommend(person="me", of="models")
    assert answer.warnings
    assert {row.name for row in answer} == {"ink", "oil"}


def test_nobody_chose_anything_and_names_that_are_unknown_are_clear_errors(studio: Studio) -> None:
    with pytest.raises(PalateError, match="nobody has chosen"):
        studio.recommend()
    with pytest.raises(PalateError, match="none of"):
        studio.recommend(by="guess")
    with pytest.raises(PalateError, match="none of"):
        studio.recommend(of="songs")
