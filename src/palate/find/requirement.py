"""What somebody asks for, in the same space as the specifications: words, example pictures, a person's likings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.catalogue import choices, vectors
from palate.catalogue import pictures as picture_rows
from palate.catalogue.blobs import content_id
from palate.catalogue.home import Home
from palate.catalogue.records import spoken
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.specify.encoding import not_its_kind

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

Vectors = NDArray[np.float32]
SAME_SPACE = 0.999
"""Least cosine between two encoders' vectors of one text for their spaces to be one."""
PROOF_TEXTS = 16
MOST_LIKED = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, before anything is encoded. Pictures are files or ids of pictures that are here."""

    prompt: str | None = None
    pictures: tuple[str | Path, ...] = ()
    captions: tuple[str, ...] = ()
    person: str | None = None


@dataclass(frozen=True, eq=False)
class Requirement:
    """Unit vectors of one space; None where nothing was said."""

    words: Vectors | None = None
    """(d,)"""
    prompt_id: str | None = None
    pictures: Vectors | None = None
    """(n, d)"""
    picture_ids: tuple[str, ...] = ()
    captions: Vectors | None = None
    """(n, d), one a picture"""
    liked: Vectors | None = None
    """(k, d)"""
    liked_ids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def space_of_home(home: Home, wanted: str) -> Space:
    """The space that the home's vectors lie in: the wanted encoder's, or the only one there is."""
    with home.read() as connection:
        filled = vectors.filled_spaces(connection)
    named = [space for space in filled if space.name == wanted or space.id == wanted]
    if named:
        return named[0]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise PalateError(
            "nothing_specified",
            "no picture here has been encoded yet",
            hint="run `palate specify`, after `palate add models` or `palate add pictures`",
        )
    names = ", ".join(sorted({space.name for space in filled}))
    raise PalateError(
        "encoder_mismatch",
        f"the pictures here are encoded by {names}, not by {wanted}",
        hint="`palate config set encoder NAME`, or `palate specify` to encode them again",
    )


class Reader:
    """Turns what was asked into vectors of one space; opens the encoder only for what is not known yet."""

    def __init__(self, home: Home, space: Space, encoder: Callable[[], Encoder]) -> None:
        self.home = home
        self.space = space
        self._open = encoder
        self._encoder: Encoder | None = None

    def read(self, asked: Asked) -> Requirement:
        """Everything that was asked; an error names what cannot be read."""
        if asked.captions and len(asked.captions) != len(asked.pictures):
            raise PalateError(
                "captions_do_not_fit",
                f"{len(asked.captions)} captions for {len(asked.pictures)} pictures",
                about="caption",
                hint="give one a picture, or none",
            )
        words, prompt_id = None, None
        if asked.prompt is not None:
            if not asked.prompt.strip():
                raise PalateError("empty_prompt", "the prompt is empty", about="prompt")
            words, prompt_id = self.words([asked.prompt])[0], self._known_prompt(asked.prompt)
        ids, pictures = self.pictures(asked.pictures) if asked.pictures else ((), None)
        liked_ids, liked = self._liked(asked.person) if asked.person else ((), None)
        return Requirement(
            words,
            prompt_id,
            pictures,
            tuple(ids),
            self.words(asked.captions) if asked.captions else None,
            liked,
            tuple(liked_ids),
            (*([unfit] if (unfit := self.unfit()) else []), *self._cut(asked)),
        )

    def words(self, texts: Sequence[str]) -> Vectors:
        """(n, d); texts that are prompts of the catalogue need no encoder."""
        ids = [self._known_prompt(text) or "" for text in texts]
        found, known = self._kept(ids) if any(ids) else ([], np.zeros((0, self.space.dim), np.float32))
        place = {id: row for row, id in enumerate(found)}
        missing = [spoken(text) for text, id in zip(texts, ids, strict=True) if id not in place]
        fresh = self.encoder().encode_words(missing) if missing else np.zeros((0, self.space.dim), np.float32)
        queue = iter(fresh)
        return np.stack([known[place[id]] if id in place else next(queue) for id in ids])

    def _kept(self, prompts: Sequence[str]) -> tuple[list[str], Vectors]:
        with self.home.read() as connection:
            return vectors.load(connection, self.space, "prompt", prompts)

    def unfit(self) -> str | None:
        """The warning where this encoder looks at what it never learned."""
        return not_its_kind(self.home, self.space.name)

    def _known_prompt(self, text: str) -> str | None:
        with self.home.read() as connection:
            return next(iter(picture_rows.prompts_of_text(connection, text)), None)

    def pictures(self, named: Sequence[str | Path]) -> tuple[list[str], Vectors]:
        """Ids and (n, d) of files or of pictures that are here."""
        from palate.safety.pictures import open_picture
        from palate.specify.encoding import open_stored

        resolved = [self._resolve(one) for one in named]
        with self.home.read() as connection:
            found, known = vectors.load(connection, self.space, "picture", [id for id, _ in resolved])
        place = {id: row for row, id in enumerate(found)}
        fresh = [(id, file) for id, file in resolved if id not in place]
        opened = [open_picture(file) if file is not None else open_stored(self.home, id) for id, file in fresh]
        encoded = self.encoder().encode_pictures(opened) if opened else np.zeros((0, self.space.dim), np.float32)
        queue = iter(encoded)
        ids = [id for id, _ in resolved]
        return ids, np.stack([known[place[id]] if id in place else next(queue) for id in ids])

    def _resolve(self, named: str | Path) -> tuple[str, Path | None]:
        path = Path(named)
        try:
            if path.is_file():
                from palate.safety.pictures import LIMITS

                if path.stat().st_size <= LIMITS.bytes:
                    return content_id(path.read_bytes()), path
                return str(path), path  # too large: opening it says so
        except (OSError, ValueError):
            pass
        if isinstance(named, Path) and (named.suffix or len(named.parts) > 1):
            raise PalateError("no_such_file", "there is no such file", about=str(named))
        with self.home.read() as connection:
            return picture_rows.get(connection, str(named)).id, None

    def _liked(self, person: str) -> tuple[list[str], Vectors | None]:
        with self.home.read() as connection:
            ids = choices.liked_pictures(connection, person)[:MOST_LIKED]
            found, liked = vectors.load(connection, self.space, "picture", ids)
        return found, liked if found else None

    def _cut(self, asked: Asked) -> list[str]:
        texts = [text for text in (asked.prompt, *asked.captions) if text]
        if self._encoder is None or not texts:
            return []
        cut = self._encoder.cut(texts)
        return [
            f"the encoder read only the beginning of: {text[:40]}..."
            for text, was in zip(texts, cut, strict=True)
            if was
        ]

    def encoder(self) -> Encoder:
        """The encoder, once it is certain that it makes vectors of this space."""
        if self._encoder is None:
            opened = self._open()
            self._require_same_space(opened)
            self._encoder = opened
        return self._encoder

    def _require_same_space(self, encoder: Encoder) -> None:
        with self.home.read() as connection:
            if self.space.id in vectors.same_spaces(connection, encoder.id):
                return
            texts = [prompt for prompt in picture_rows.prompts(connection).values() if not prompt.negative]
            ids, known = vectors.load(connection, self.space, "prompt", [prompt.id for prompt in texts][:PROOF_TEXTS])
        by_id = {prompt.id: prompt.text for prompt in texts}
        if encoder.name == self.space.name and encoder.dim == self.space.dim and ids and encoder.reads_words:
            again = encoder.encode_words([spoken(by_id[id]) for id in ids])
            if float(np.einsum("nd,nd->n", again, known).min()) >= SAME_SPACE:
                return
        raise PalateError(
            "encoder_mismatch",
            f"the pictures here are encoded by {self.space.name}, and {encoder.name} makes other vectors",
            about="encoder",
            hint="`palate specify` encodes everything again with the encoder of the settings",
        )
