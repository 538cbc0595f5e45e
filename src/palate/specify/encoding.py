"""Encode what has no vector yet. Resumes by asking what is missing, never by a cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

from palate.catalogue import pictures as picture_rows
from palate.catalogue import vectors
from palate.catalogue.home import Home
from palate.catalogue.records import PictureState, spoken
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.specify.drawing import Progress, nothing

if TYPE_CHECKING:
    from PIL import Image

    from palate.encoders.protocol import Encoder

BATCH = 64
READERS = 2


POCKET, LARGEST_ICON = "pocket", 128
NOT_ITS_KIND = (
    "the pocket encoder knows icons and emoji, and pictures here are larger: what it says of them means little; "
    "`palate config set encoder openai/clip-vit-base-patch32` downloads one that knows photographs (0.6 GB)"
)


def not_its_kind(home: Home, encoder: str) -> str | None:
    """The warning that goes with every answer where the pocket encoder looks at what it never learned."""
    if encoder != POCKET:
        return None
    with home.read() as connection:
        return NOT_ITS_KIND if picture_rows.any_larger(connection, LARGEST_ICON) else None


@dataclass
class Encoded:
    """How many vectors were made, and which pictures could not be read and why."""

    pictures: int = 0
    prompts: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def space_of(encoder: Encoder) -> Space:
    return Space(encoder.id, encoder.name, encoder.dim, encoder.reads_words)


def encode_missing(home: Home, encoder: Encoder, *, progress: Progress = nothing) -> Encoded:
    """Vectors of every picture and prompt that this encoder has not seen."""
    space = space_of(encoder)
    answer = Encoded()
    with home.writing():
        with home.write() as connection:
            vectors.put_space(connection, space)
            spaces = vectors.same_spaces(connection, space.id)
        if encoder.reads_words:
            _encode_prompts(home, encoder, space, spaces, answer)
        with home.read() as connection:
            ids = picture_rows.without_vector(connection, spaces)
        for done, (part, opened) in enumerate(_batches(home, ids)):
            _encode_pictures(home, encoder, space, part, opened, answer)
            progress("encoding", min((done + 1) * BATCH, len(ids)), len(ids))
    return answer


def _encode_prompts(home: Home, encoder: Encoder, space: Space, spaces: Sequence[str], answer: Encoded) -> None:
    with home.read() as connection:
        missing = picture_rows.prompts_without_vector(connection, spaces)
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        encoded = encoder.encode_words([spoken(prompt.text) for prompt in part])
        with home.write() as connection:
            vectors.put(connection, space, "prompt", [prompt.id for prompt in part], encoded)
        answer.prompts += len(part)


def _batches(home: Home, ids: Sequence[str]) -> Iterator[tuple[list[str], list[Image.Image | PalateError]]]:
    """Pictures are read and decoded by threads, one batch ahead of the encoder."""
    parts = [list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH)]
    with ThreadPoolExecutor(READERS) as readers:
        ahead = [readers.submit(open_all, home, part) for part in parts[:2]]
        for position, part in enumerate(parts):
            opened = ahead.pop(0).result()
            if position + 2 < len(parts):
                ahead.append(readers.submit(open_all, home, parts[position + 2]))
            yield part, opened


def open_all(home: Home, ids: Sequence[str]) -> list[Image.Image | PalateError]:
    answer: list[Image.Image | PalateError] = []
    for id in ids:
        try:
            answer.append(open_stored(home, id))
        except PalateError as error:
            answer.append(error)
    return answer


def open_stored(home: Home, id: str) -> Image.Image:
    """A catalogue's picture from its blob or from where its original lies."""
    from palate.safety.pictures import open_picture

    path = home.blobs.path(id)
    if path.exists():
        return open_picture(path.read_bytes())
    with home.read() as connection:
        places = picture_rows.originals(connection, id)
    for place in places:
        if Path(place).is_file():
            return open_picture(Path(place))
    raise PalateError(
        "picture_missing", "its file is gone", about=places[0] if places else id, hint="run `palate check`"
    )


def _encode_pictures(
    home: Home,
    encoder: Encoder,
    space: Space,
    ids: Sequence[str],
    opened: Sequence[Image.Image | PalateError],
    answer: Encoded,
) -> None:
    good = {id: picture for id, picture in zip(ids, opened, strict=True) if not isinstance(picture, PalateError)}
    bad = {id: error for id, error in zip(ids, opened, strict=True) if isinstance(error, PalateError)}
    kept: list[str] = []
    if good:
        encoded = encoder.encode_pictures(list(good.values()))
        sound = vectors.sound(encoded)
        kept = list(compress(good, sound))
        bad.update({id: _without_vector(home, id) for id in compress(good, ~sound)})
    with home.write() as connection:
        if kept:
            vectors.put(connection, space, "picture", kept, encoded[sound])
        for id, error in bad.items():
            state: PictureState = "missing" if error.code == "picture_missing" else "degenerate"
            picture_rows.set_state(connection, id, state)
    answer.pictures += len(kept)
    answer.refused.update({id: str(error) for id, error in bad.items()})


def _without_vector(home: Home, id: str) -> PalateError:
    with home.read() as connection:
        [place, *_] = [*picture_rows.originals(connection, id), id]
    return PalateError("embedding_invalid", "the encoder gives no finite vector for it", about=place)
