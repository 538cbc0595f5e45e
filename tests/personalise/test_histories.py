"""Windows and splits whose right answer is known on paper, and the readers of published data."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from palate.errors import PalateError
from palate.personalise.histories import Collection, Item, collected, interactions_before, split_by_time, windows_of
from palate.personalise.reading import read_collection, read_ml_100k

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "ml-100k"


def png(colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    written = io.BytesIO()
    picture = Image.new("RGB", (12, 18), colour)
    picture.putpixel((3, 3), (0, 0, 255))
    picture.save(written, "PNG")
    return written.getvalue()


def line_of(people: int, each: int) -> Collection:
    """Person p likes items 0, 1, 2 ... at times p, p + 100, p + 200 ..."""
    items = [Item(str(number), f"thing {number}", ("tag",)) for number in range(each)]
    events = [
        (f"p{person}", str(number), person + 100.0 * number) for person in range(people) for number in range(each)
    ]
    return collected("line", items, events, lambda _: png())


def test_a_window_is_the_latest_items_the_next_and_what_follows() -> None:
    first, second = windows_of(line_of(1, 8), length=3, ahead=2)
    assert (first.history, first.target, first.future, first.at) == ((0, 1, 2), 3, (3, 4), 300.0)
    assert (second.history, second.target, second.future) == ((4, 5, 6), 7, (7,))
    assert second.past == (0, 1, 2, 3, 4, 5, 6)


def test_no_item_is_a_target_twice_unless_it_is_asked_for() -> None:
    assert [window.target for window in windows_of(line_of(1, 12), length=3)] == [3, 7, 11]
    assert len(windows_of(line_of(1, 12), length=3, stride=1)) == 9


def test_a_next_item_that_the_history_holds_is_left_out() -> None:
    items = [Item("a", "a"), Item("b", "b")]
    events = [("p", "a", 1.0), ("p", "b", 2.0), ("p", "a", 3.0), ("p", "b", 3.5)]
    assert windows_of(collected("twice", items, events, lambda _: png()), length=2) == []


def test_the_parts_follow_each_other_in_time_and_know_nothing_of_the_next() -> None:
    collection = line_of(10, 30)
    parts = split_by_time(collection, length=3, ahead=4)
    sizes = [len(parts.train), len(parts.valid), len(parts.test)]
    assert sum(sizes) == 70
    assert sizes[0] == pytest.approx(56, abs=1)
    assert max(window.at for window in parts.train) < parts.valid_from
    assert max(window.at for window in parts.valid) < parts.test_from <= min(window.at for window in parts.test)
    for window in parts.train:
        assert all(100 * item + window.person < parts.valid_from for item in window.future)


def test_what_a_recommender_learns_from_ends_before_the_test() -> None:
    collection = line_of(2, 10)
    assert [items.tolist() for items in interactions_before(collection, 300.5)] == [[0, 1, 2, 3], [0, 1, 2]]


def test_words_are_the_title_and_the_tags() -> None:
    assert Item("1", "Heat (1995)", ("action", "crime")).words == "Heat (1995), action, crime"


def test_too_few_windows_say_so() -> None:
    with pytest.raises(PalateError, match="only 2 windows"):
        split_by_time(line_of(1, 8), length=3)


def movielens(folder: Path, *, in_tar: bool) -> Path:
    folder.mkdir()
    (folder / "u.data").write_text("1\t10\t5\t30\n1\t11\t4\t20\n1\t12\t1\t10\n2\t99\t5\t5\n")
    (folder / "items.csv").write_text(
        "movie_id,title,Action,Drama\n10,Ten,1,0\n11,Eleven,0,1\n12,Twelve,0,0\n99,No,0,0\n"
    )
    if in_tar:
        with tarfile.open(folder / "posters.tar", "w") as archive:
            for name in ("10", "11", "12"):
                data = png()
                member = tarfile.TarInfo(f"posters/{name}.png")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            link = tarfile.TarInfo("posters/99.png")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    else:
        (folder / "posters").mkdir()
        for name in ("10", "11", "12"):
            (folder / "posters" / f"{name}.png").write_bytes(png())
    return folder


@pytest.mark.parametrize("in_tar", [True, False])
def test_movielens_keeps_what_was_liked_and_has_a_poster(tmp_path: Path, in_tar: bool) -> None:
    collection = read_collection(movielens(tmp_path / "ml", in_tar=in_tar))
    assert [item.words for item in collection.items] == ["Ten, action", "Eleven, drama"]
    assert collection.item.tolist() == [1, 0]
    assert (collection.people, collection.left_out) == (("1",), 1)
    assert collection.picture(0).size == (12, 18)


def test_ml_latest_is_read_with_a_folder_of_posters(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,3,4.5,9\n1,4,2.0,8\n")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n3,Three,Comedy|Drama\n4,Four,(no genres listed)\n")
    posters = tmp_path / "pictures"
    posters.mkdir()
    (posters / "3.jpg").write_bytes(png())
    collection = read_collection(tmp_path, pictures=posters)
    assert [item.words for item in collection.items] == ["Three, comedy, drama"]


@pytest.mark.parametrize("layout", ["flat", "folders"])
def test_pixelrec_is_read_as_it_is_published(tmp_path: Path, layout: str) -> None:
    one, two = tmp_path / "interaction.csv", tmp_path / "item_info.csv"
    if layout == "folders":
        one, two = tmp_path / "dataset" / "Pixel200K.csv", tmp_path / "information" / "Pixel200K.csv"
        one.parent.mkdir()
        two.parent.mkdir()
    one.write_text("item_id,user_id,timestamp\ni5,u1,200\ni4,u1,100\n")
    two.write_text("item_id,view_number,title,tag,description\ni4,1,A turtle,Pet Reptiles,x\ni5,2,A song,Music,\n")
    (tmp_path / "covers").mkdir()
    for name in ("i4", "i5"):
        (tmp_path / "covers" / f"{name}.jpg").write_bytes(png())
    collection = read_collection(tmp_path)
    assert [item.words for item in collection.items] == ["A turtle, pet reptiles", "A song, music"]
    assert collection.item.tolist() == [0, 1]


def test_what_is_no_collection_says_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="no choices of things"):
        read_collection(tmp_path)


def test_broken_numbers_and_missing_posters_are_named(tmp_path: Path) -> None:
    folder = movielens(tmp_path / "ml", in_tar=False)
    (folder / "u.data").write_text("1\t10\tmany\t30\n")
    with pytest.raises(PalateError, match="'many' is no number"):
        read_collection(folder)
    (folder / "u.data").write_text("1\t10\t5\t30\n")
    with pytest.raises(PalateError, match="no pictures of its things"):
        read_collection(folder, pictures=tmp_path / "nowhere")


@pytest.mark.skipif(not SHARED.is_dir(), reason="MovieLens 100K is not on this machine")
def test_real_posters_cover_nearly_every_liking() -> None:
    collection = read_ml_100k(SHARED)
    assert collection.left_out < 200
    assert len(collection.item) > 55_000
    parts = split_by_time(collection)
    count = len(parts.train) + len(parts.valid) + len(parts.test)
    assert len(parts.train) / count == pytest.approx(0.8, abs=0.01)
    assert np.asarray(collection.picture(0)).shape[2] == 3
