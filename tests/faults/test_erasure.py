"""What a person erases is in no byte of the home: a marker is planted wherever they may put words, and searched for."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from palate.catalogue import choices, conversations, pictures
from palate.catalogue.backups import back_up
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Candidate, Conversation, Stated, Turn
from palate.catalogue.home import Home
from palate.catalogue.records import Drawing, Picture, Prompt
from palate.jobs import tasks
from palate.jobs.tasks import Task
from palate.people import entering, holdings, persons
from palate.people.erasing import erase
from palate.people.gate import ALLOWED, Principal
from palate.people.holdings import Upload

MARKER = "xylophonic-quagga"
MANY = 200
"""So many of each, that rows fill pages of their own and deleting gives whole pages back."""


def plant(home: Home) -> None:
    picture = home.blobs.put(f"pixels of a {MARKER}".encode())
    (home.folder / "uploads").mkdir(exist_ok=True)
    (home.folder / "uploads" / "upload").write_bytes(MARKER.encode())
    with home.write() as connection:
        persons.make(connection, f"{MARKER} the person", "member", "a password that is long", id="ada")
        persons.make(connection, "owner", "owner", None, id="me")
        holdings.put_upload(connection, Upload("upload", "ada", 1, 1, "png", 17, 0.0))
        entering.begin_visit(connection, b"pepper", "ada")
        maker = Principal("ada", "ada", "member", ALLOWED["member"], "here")
        entering.make_key(connection, b"pepper", maker, f"key of {MARKER}", ["read"])
        pictures.put(connection, [Picture(picture, 8, 8, "PNG", 10, owned=True)])
        for number in range(MANY):
            said = f"{MARKER} {number}"
            choices.append(connection, Choice("ada", "like", {"picture": picture, "said": said}))
            conversations.put(connection, Conversation(f"c{number}", "ada", said, None, 1))
            turn = Turn(1, said, said, "offline", None, (Candidate(said, "style", 0.0, 0.0, 0, (picture,)),))
            conversations.put_turn(connection, f"c{number}", turn)
            pictures.put_drawings(connection, [Drawing(f"d{number}", picture, "drawn", (), Prompt(said, said))])
        conversations.put_stated(connection, "ada", Stated({MARKER: 1.0}))
        holdings.hold(connection, "ada", "errand", [f"d{number}" for number in range(MANY)])
        work = [Task(f"t{number}", "g", {"prompt": MARKER}) for number in range(MANY)]
        tasks.plan(connection, "draw", {"errand": "errand", "prompt": MARKER}, work)


def where(folder: Path) -> list[str]:
    """Files in which the marker is, in whatever width its letters are written."""
    written = (MARKER.encode(), MARKER.encode("utf-16-le"), MARKER.encode().hex().encode())
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path.name for path in files if any(form in path.read_bytes() for form in written)]


def test_every_sqlite_is_told_to_overwrite_what_is_deleted(tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "home")) as home, home.read() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1


def test_no_byte_of_a_home_or_of_its_next_copy_tells_of_who_was_erased(tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "home")) as home:
        plant(home)
        assert {"palate.db", "upload"} <= set(where(home.folder))
        back_up(home, tmp_path / "copy")
        erase(home, "ada")
        assert where(tmp_path / "home") == []
        assert "palate.db" in where(tmp_path / "copy")
        back_up(home, tmp_path / "copy")
    assert where(tmp_path / "copy") == []
