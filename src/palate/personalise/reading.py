"""Collections from folders as they are published: MovieLens with posters, PixelRec; and a home's own choices."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from palate.catalogue import choices
from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Drawing
from palate.errors import PalateError
from palate.personalise.histories import Collection, Item, Source, collected
from palate.personalise.planted import LABELS, planted_people, read_pool
from palate.safety.pictures import LIMITS
from palate.writers.lines import clean

LIKED = 4.0
"""MovieLens ratings from which a film counts as liked; the paper does not say."""
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
MOST_PICTURES = 1_000_000
LONGEST_WORDS = 80
Event = tuple[str, str, float]


def read_collection(folder: Path, *, pictures: Path | None = None, liked: float = LIKED) -> Collection:
    """What kind of data a folder holds, its files say; `pictures` is where posters lie, if not beside them."""
    if (folder / "u.data").is_file():
        return read_ml_100k(folder, pictures=pictures, liked=liked)
    if (folder / "ratings.csv").is_file():
        return read_ml_latest(folder, pictures=pictures, liked=liked)
    if (folder / LABELS).is_file():
        return planted_people(read_pool(folder).part(held=False))[0]
    if _pixelrec_files(folder) is not None:
        return read_pixelrec(folder, pictures=pictures)
    raise PalateError(
        "collection_unknown",
        "these are no choices of things with pictures",
        about=str(folder),
        hint="MovieLens (u.data or ratings.csv) with posters, PixelRec's interaction, item_info, covers; or labels.csv",
    )


def read_ml_100k(folder: Path, *, pictures: Path | None = None, liked: float = LIKED) -> Collection:
    """u.data, the films' titles and genres (items.csv, else u.item), posters named by film: posters.tar or a folder."""
    titles = {item.id: item for item in _ml_100k_items(folder)}
    rows = (line.split("\t") for line in (folder / "u.data").read_text("ascii").splitlines() if line)
    events = [
        (row[0], row[1], _number(row[3], folder / "u.data"))
        for row in _of_width(rows, 4, folder / "u.data")
        if _number(row[2], folder / "u.data") >= liked
    ]
    found = _posters(folder, pictures, ("posters", "posters.tar"))
    return _joined("ml-100k", titles, events, found)


def read_ml_latest(folder: Path, *, pictures: Path | None = None, liked: float = LIKED) -> Collection:
    """ratings.csv and movies.csv as GroupLens publishes them, and a folder of posters named by movieId."""
    titles = {
        row["movieId"]: Item(row["movieId"], row["title"], _genres(row.get("genres", "")))
        for row in _rows(folder / "movies.csv", ("movieId", "title"))
    }
    path = folder / "ratings.csv"
    events = [
        (row["userId"], row["movieId"], _number(row["timestamp"], path))
        for row in _rows(path, ("userId", "movieId", "rating", "timestamp"))
        if _number(row["rating"], path) >= liked
    ]
    return _joined(folder.name, titles, events, _posters(folder, pictures, ("posters", "posters.tar")))


def read_pixelrec(folder: Path, *, pictures: Path | None = None) -> Collection:
    """item_id, user_id, timestamp; what item_info says (title, tag); covers named by item_id. Every visit is a like."""
    files = _pixelrec_files(folder)
    if files is None:
        raise PalateError("collection_unknown", "interactions or item information are missing", about=str(folder))
    titles = {
        row["item_id"]: Item(row["item_id"], clean(row.get("title") or "")[:LONGEST_WORDS], _tags(row.get("tag") or ""))
        for row in _rows(files[1], ("item_id", "title"))
    }
    events = [
        (row["user_id"], row["item_id"], _number(row["timestamp"], files[0]))
        for row in _rows(files[0], ("item_id", "user_id", "timestamp"))
    ]
    return _joined("pixelrec", titles, events, _posters(folder, pictures, ("covers", "cover", "images")))


def own_collection(home: Home, look: Callable[[list[str]], dict[str, Path]], person: str) -> Collection:
    """What one person liked in this home, and nobody else's choices; words are those a picture was drawn with."""
    with home.read() as connection:
        liked = choices.likings(connection).get(person, [])
        words = {id: _words_of(picture_rows.drawings_of(connection, id)) for id in liked}
        makers = picture_rows.makers(connection, liked)
    files = look(liked)
    if not any(id in files for id in liked):
        raise PalateError(
            "nothing_chosen",
            f"nothing is known of {person} that can be looked at",
            hint="`palate choose PICTURE --as like`, then ask again",
        )
    known = [id for id in liked if id in files]
    items = [Item(id, words[id], (f"by {makers[id]}",) if id in makers else ()) for id in known]
    events = [(person, id, float(place)) for place, id in enumerate(known)]
    return collected(person, items, events, lambda at: files[known[at]], left_out=len(liked) - len(known))


def _words_of(drawings: Iterable[Drawing]) -> str:
    return next((clean(d.prompt.text)[:LONGEST_WORDS] for d in drawings if d.prompt is not None), "")


def _joined(name: str, titles: dict[str, Item], events: list[Event], found: dict[str, Source]) -> Collection:
    """Only what has both a title and a picture; the rest is counted."""
    there = [event for event in events if event[1] in titles and event[1] in found]
    liked = {event[1] for event in there}
    items = [titles[id] for id in sorted(liked, key=lambda id: (len(id), id))]
    return collected(name, items, there, lambda at: found[items[at].id], left_out=len(events) - len(there))


def _posters(folder: Path, given: Path | None, names: tuple[str, ...]) -> dict[str, Source]:
    """Pictures by the stem of their name, in a folder or a plain tar: nothing is unpacked to disk."""
    places = [given] if given is not None else [folder / name for name in names]
    for place in places:
        if place.is_dir():
            return {path.stem: path for path in place.iterdir() if path.suffix.lower() in ENDINGS}
        if place.is_file():
            return dict(_in_tar(place))
    raise PalateError(
        "no_pictures",
        "there are no pictures of its things",
        about=str(places[0]),
        hint="--pictures FOLDER, whose files are named by the thing's id",
    )


def _in_tar(path: Path) -> Iterator[tuple[str, bytes]]:
    """Regular members of an uncompressed tar within the limits of a picture; links and all else are passed over."""
    try:
        with tarfile.open(path, "r:") as archive:
            for number, member in enumerate(archive):
                name = Path(member.name)
                if number >= MOST_PICTURES:
                    raise PalateError("too_many_pictures", f"more than {MOST_PICTURES:,} files", about=str(path))
                if member.isfile() and name.suffix.lower() in ENDINGS and member.size <= LIMITS.bytes:
                    file = archive.extractfile(member)
                    if file is not None:
                        yield name.stem, file.read()
    except tarfile.TarError as error:
        raise PalateError("not_a_tar", f"it is no plain tar: {error}", about=str(path)) from None


def _ml_100k_items(folder: Path) -> Iterator[Item]:
    if (folder / "items.csv").is_file():
        from palate.importers.movielens import GENRES

        for row in _rows(folder / "items.csv", ("movie_id", "title")):
            genres = tuple(name.lower() for name in GENRES if row.get(name) == "1")
            yield Item(row["movie_id"], row["title"], genres)
        return
    path = folder / "u.item"
    if not path.is_file():
        raise PalateError("no_titles", "there is neither items.csv nor u.item", about=str(folder))
    for line in path.read_text("latin-1").splitlines():
        parts = line.split("|")
        if len(parts) > 1:
            yield Item(parts[0], parts[1])


def _pixelrec_files(folder: Path) -> tuple[Path, Path] | None:
    """Interactions and item information: `interaction.csv` and `item_info.csv`, or dataset/ and information/."""
    pairs = [(folder / "interaction.csv", folder / "item_info.csv")]
    pairs += [(path, folder / "information" / path.name) for path in sorted((folder / "dataset").glob("*.csv"))]
    return next(((one, two) for one, two in pairs if one.is_file() and two.is_file()), None)


def _rows(path: Path, wanted: tuple[str, ...]) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise PalateError("file_missing", "it is not there", about=str(path))
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        lacking = [name for name in wanted if name not in (reader.fieldnames or ())]
        if lacking:
            raise PalateError("collection_unreadable", f"it has no column {', '.join(lacking)}", about=str(path))
        yield from reader


def _of_width(rows: Iterable[list[str]], width: int, path: Path) -> Iterator[list[str]]:
    for row in rows:
        if len(row) != width:
            raise PalateError("ratings_unreadable", f"{width} columns are expected", about=str(path))
        yield row


def _number(text: str | None, path: Path) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise PalateError("ratings_unreadable", f"'{text}' is no number", about=str(path)) from None


def _genres(text: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in text.split("|") if name and not name.startswith("("))


def _tags(text: str) -> tuple[str, ...]:
    return (clean(text).lower(),) if text.strip() else ()
