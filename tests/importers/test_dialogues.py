"""INSPIRED's files, and the moments in them at which a film was suggested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palate.errors import PalateError
from palate.importers.dialogues import Film, read_films, read_inspired, read_redial, suggestions

HEAD = "dialog_id\tutt_id\tspeaker\ttext\tmovies\tgenres\tpeople_names\n"


def written(folder: Path, *rows: tuple[str, str, str, str]) -> Path:
    lines = [
        f"{who}\t{at}\t{speaker}\t{text}\t{films}\tdrama;Comedy\t\n"
        for at, (who, speaker, text, films) in enumerate(rows)
    ]
    (folder / "part.tsv").write_text(HEAD + "".join(lines))
    return folder / "part.tsv"


def test_a_suggestion_is_a_film_that_a_recommender_is_first_to_name(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("a", "SEEKER", 'I "loved it', "Jaws (1975)"),
        ("a", "RECOMMENDER", "Then Jaws 2, or Alien", "Jaws (1975);Alien (1979)"),
        ("b", "RECOMMENDER", "Hi", ""),
        ("a", "RECOMMENDER", "Alien!", "Alien (1979)"),
    )
    dialogues = read_inspired(path)
    assert [dialogue.id for dialogue in dialogues] == ["a", "b"]
    assert dialogues[0].utterances[0].genres == ("drama", "Comedy")
    [found] = suggestions(dialogues)
    assert (found.film, found.named) == ("Alien (1979)", frozenset({"Jaws (1975)"}))
    assert [utterance.text for utterance in found.before] == ['I "loved it']


def test_films_are_known_by_the_title_that_conversations_use(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        'movie_id,title,FilmNoir,Drama,year,overview\n1,"Third Man, The (1949)",1,0,1949,Vienna.\n'
    )
    assert read_films(tmp_path / "items.csv") == {
        "The Third Man (1949)": Film("The Third Man (1949)", ("film noir",), "Vienna.")
    }


@pytest.mark.parametrize(("content", "said"), [("a\tb\n1\t2\n", "no column"), ("\xff\xfe", "not tab-separated")])
def test_what_is_no_such_file_is_one_clear_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.tsv").write_bytes(content.encode("latin-1"))
    with pytest.raises(PalateError, match=said):
        read_inspired(tmp_path / "x.tsv")
    with pytest.raises(PalateError, match="not there"):
        read_inspired(tmp_path / "y.tsv")


REDIAL = {
    "conversationId": "391",
    "initiatorWorkerId": 0,
    "respondentWorkerId": 1,
    "movieMentions": {"203371": "Final Fantasy (2001)", "84779": "The Triplets of Belleville (2003)", "7": None},
    "messages": [
        {"messageId": 1, "senderWorkerId": 0, "text": "I liked @203371 a lot", "timeOffset": 0},
        {"messageId": 2, "senderWorkerId": 1, "text": "Then @84779, or @7 and @203371!", "timeOffset": 9},
    ],
}


def test_redial_as_published(tmp_path: Path) -> None:
    path = tmp_path / "test_data.jsonl"
    path.write_text(json.dumps(REDIAL) + "\n\n" + json.dumps({**REDIAL, "movieMentions": []}) + "\n")
    first, second = read_redial(path)
    assert [said.recommender for said in first.utterances] == [False, True]
    assert first.utterances[0].text == "I liked Final Fantasy (2001) a lot"
    assert first.utterances[1].text == "Then The Triplets of Belleville (2003), or @7 and Final Fantasy (2001)!"
    [suggestion] = suggestions([first])
    assert suggestion.film == "The Triplets of Belleville (2003)"
    assert suggestion.said == first.utterances[1].text
    assert second.utterances[0].films == ()


@pytest.mark.parametrize("line", ["{", "[]", "7", json.dumps({"movieMentions": {}}), "[" * 9999])
def test_what_is_no_redial_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(REDIAL) + "\n" + line + "\n")
    with pytest.raises(PalateError, match="not a conversation of ReDial") as caught:
        read_redial(path)
    assert str(caught.value.about).endswith("x.jsonl:2")
    with pytest.raises(PalateError, match="not there"):
        read_redial(tmp_path / "nowhere.jsonl")
