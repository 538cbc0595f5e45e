"""Published preferences, a few rows in each published form."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from palate.errors import PalateError
from palate.importers.preferences import NOBODY, Fields, Preference, read_preferences

PROMPTS = Path(__file__).parents[2].parent / "shared" / "data" / "prompts" / "imagereward_test.json"


def lines(tmp_path: Path, *rows: object) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def pick(first: float, **more: object) -> dict[str, object]:
    row = {"user_id": 7, "caption": "a fox", "image_0_uid": "a", "image_1_uid": "b", "label_0": first}
    return {**row, "label_1": 1 - first, "has_label": True, **more}


def test_pick_a_pic_is_pairs_of_a_person_and_ties_are_left_out(tmp_path: Path) -> None:
    file = lines(tmp_path, pick(1.0), pick(0.0), pick(0.5), pick(1.0, has_label=False))
    assert list(read_preferences("pickapic", file)) == [
        Preference("7", "a fox", ("a", "b")),
        Preference("7", "a fox", ("b", "a")),
    ]


def test_hpd_is_a_ranking_by_each_annotator(tmp_path: Path) -> None:
    file = tmp_path / "test.json"
    said = [{"rank": [2, 1, 3], "user_hash": "u"}, {"rank": [1, 2, 3], "user_hash": "v"}]
    row = {"prompt": "a fox", "image_path": ["a", "b", "c"], "rank": [1, 2, 3], "raw_annotations": said}
    file.write_text(json.dumps([row]))
    assert list(read_preferences("hpd", file)) == [
        Preference("u", "a fox", ("b", "a", "c")),
        Preference("v", "a fox", ("a", "b", "c")),
    ]


def test_imagereward_is_of_nobody_in_particular(tmp_path: Path) -> None:
    file = tmp_path / "test.json"
    file.write_text(json.dumps([{"id": "1", "prompt": "a fox", "generations": ["a", "b", "c"], "ranking": [2, 1, 2]}]))
    assert list(read_preferences("imagereward", file)) == [Preference(NOBODY, "a fox", ("b", "a"))]


def test_imagerewards_own_file_is_read() -> None:
    if not PROMPTS.is_file():
        pytest.skip("ImageReward's rankings are not on this machine")
    found = list(read_preferences("imagereward", PROMPTS))
    assert len(found) == 466
    assert all(len(preference.pictures) >= 2 for preference in found)


def test_sac_is_ratings_of_its_people(tmp_path: Path) -> None:
    file = tmp_path / "sac.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE generations (id INTEGER, sid INTEGER, method TEXT, prompt TEXT)")
        connection.execute("CREATE TABLE images (id INTEGER, gid INTEGER, idx INTEGER)")
        connection.execute("CREATE TABLE ratings (sid INTEGER, iid INTEGER, rating INTEGER)")
        connection.execute("INSERT INTO generations VALUES (1, 5, 'm', 'a fox')")
        connection.execute("INSERT INTO images VALUES (3, 1, 0)")
        connection.executemany("INSERT INTO ratings VALUES (?, 3, ?)", [(9, 8), (10, None)])
    connection.close()
    assert list(read_preferences("sac", file)) == [Preference("9", "a fox", ("3",), 8.0)]


def test_other_rows_are_read_by_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("rater,text,left,right,left_wins\nada,a fox,a,b,0\n")
    fields = Fields("rater", "text", "left", "right", "left_wins")
    assert list(read_preferences("mapped", file, fields)) == [Preference("ada", "a fox", ("b", "a"))]
    with pytest.raises(PalateError, match="which field holds what"):
        read_preferences("mapped", file)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pickapic", "no json\n"),
        ("pickapic", "[1]\n"),
        ("pickapic", '{"user_id": 1}\n'),
        ("pickapic", json.dumps(pick(1.0, label_0="left"))),
        ("hpd", "{}"),
        ("hpd", '[{"prompt": "a", "image_path": ["x"], "raw_annotations": ["y"]}]'),
        ("hpd", '[{"prompt": "a"}]'),
        ("imagereward", '[{"prompt": "a", "generations": ["x"], "ranking": [1, 2]}]'),
        ("sac", "no database, but long enough to be looked at as one"),
    ],
)
def test_other_forms_are_refused_by_name(tmp_path: Path, kind: str, text: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    with pytest.raises(PalateError) as caught:
        list(read_preferences(kind, file))
    assert caught.value.code == "preferences_unreadable"
    assert "rows.jsonl" in str(caught.value)


def test_an_unknown_kind_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="pickapic, hpd, imagereward, sac, mapped"):
        read_preferences("other", tmp_path)
