"""The catalogue as the service answers from it: loaded once, and replaced as a whole when something was added."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.catalogue import choices, conversations, vectors
from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import CELLS, Home
from palate.catalogue.records import Model, Prompt
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.find import asking
from palate.find.asking import Question
from palate.find.filters import Filters
from palate.find.hub import Hub
from palate.find.requirement import Asked, Reader, Vectors, space_of_home
from palate.find.scores import Weights
from palate.ranking import Ranking
from palate.recommend import asking as recommending
from palate.recommend.asking import Likeness, Scorer
from palate.serve.gallery import Gallery, gallery_of, order, picture_rows_of
from palate.serve.remembering import Remembered
from palate.studio import Studio

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder
    from palate.steer.steering import Grounds

EMPTY = ("nothing_specified", "nothing_credited", "encoder_mismatch")
BEST = 12
MOST_WORDS = 4000
"""Questions in words whose vectors are kept."""
OPENING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Library:
    """Nothing in here changes: a question is answered by one library from beginning to end."""

    studio: Studio
    models: Mapping[str, Model]
    prompts: Mapping[str, Prompt]
    """Those that a shared picture was drawn for."""
    hub: Hub | None
    trouble: PalateError | None
    """Why there is no hub to ask yet."""
    gallery: Gallery
    own: dict[str, Gallery] = field(default_factory=dict)
    """What each person sees, as far as they looked."""
    learned: dict[tuple[str, str], tuple[int, Scorer]] = field(default_factory=dict)
    """What the recommenders learned, by what they recommend and how, and the choice that was the last then."""

    tasted: dict[str, tuple[object, Grounds]] = field(default_factory=dict)
    """The space of taste, by what had been learned when it was made."""
    unsafe: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Pictures or models that a level of safety hides."""

    @classmethod
    def load(cls, studio: Studio) -> Library:
        home, weights = studio.home, Weights(*studio.settings.weights)
        hub, trouble = None, None
        try:
            hub = Hub.load(home, space_of_home(home, studio.settings.encoder))
            hub.learn(weights, lambda _what, _done, _of: None)
        except PalateError as error:
            if error.code not in EMPTY:
                raise
            trouble = error
        with home.read() as connection:
            models = {model.id: model for model in model_rows.listed(connection)}
            gallery = gallery_of(picture_rows_of(connection, None), models, hub, weights)
            everything = picture_rows.prompts(connection)
        prompts = {id: everything[id] for id in sorted(set(gallery.prompt.tolist()) - {""})}
        return cls(studio, models, prompts, hub, trouble, gallery)

    def seen_by(self, person: str) -> Gallery:
        """What everybody sees, and what is this person's own."""
        seen = self.own.get(person)
        if seen is None:
            with self.studio.home.read() as connection:
                rows = picture_rows_of(connection, person)
            own = gallery_of(rows, self.models, self.hub, Weights(*self.studio.settings.weights), mine=True)
            seen = self.own[person] = self._joined(own) if len(own) else self.gallery
        return seen

    def _joined(self, own: Gallery) -> Gallery:
        shared = set(self.gallery.ids.tolist())
        fresh = ~np.array([id in shared for id in own.ids.tolist()], dtype=bool)
        return self.gallery.joined(own.only(fresh))

    def shares(self, picture: str) -> bool:
        """Whether it is known, without asking the catalogue, that everybody sees this picture."""
        return picture in self.gallery.place

    @cached_property
    def remembered(self) -> Remembered:
        return Remembered(self.studio.home.database)

    @cached_property
    def texts(self) -> dict[str, str]:
        """What each prompt says."""
        return {id: prompt.text for id, prompt in self.prompts.items()}

    @cached_property
    def best(self) -> Mapping[str, list[str]]:
        """Each model's best pictures, best first."""
        everything = order(self.gallery, np.ones(len(self.gallery), dtype=bool), "gre")
        answer: dict[str, list[str]] = {}
        for id, model in zip(
            self.gallery.ids[everything].tolist(), self.gallery.model[everything].tolist(), strict=True
        ):
            found = answer.setdefault(model, [])
            if len(found) < BEST:
                found.append(id)
        return answer

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many pictures each model has here."""
        names, counts = np.unique(self.gallery.model, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    @cached_property
    def prompt_counts(self) -> dict[str, int]:
        names, counts = np.unique(self.gallery.prompt, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    @cached_property
    def reader(self) -> Reader:
        hub = self.asked_hub()
        ids: dict[str, str] = {}
        for id in sorted(self.prompts, key=lambda id: (-self.prompt_counts.get(id, 0), id)):
            ids.setdefault(self.prompts[id].text, id)
        return HeldReader(self.studio.home, hub.space, self.encoder, ids, lambda: self.pixels)

    def encoder(self) -> Encoder:
        """Opened once, however many ask for it at the same time."""
        with OPENING:
            return self.studio.encoder

    @cached_property
    def _likeness(self) -> dict[str, Likeness]:
        """Of pictures and of models: how each looks, and whose they are."""
        space = self.asked_hub().space
        with self.studio.home.read() as connection:
            return {kind: recommending.likeness(connection, space, kind) for kind in recommending.KINDS}

    def recommended(self, person: str, of: str, by: str, top: int) -> Ranking:
        """As `recommend`; what was learned from everybody's choices is kept until somebody chooses again."""
        likeness = self._likeness[of]
        last, disliked = self.remembered.get("chosen", person, ask=lambda: self._chosen(person))
        kept = self.learned.get((of, by))
        if kept is None or kept[0] != last:
            with self.studio.home.read() as connection:
                last, liked = conversations.last_choice(connection), choices.likings(connection)
            kept = self.learned[of, by] = (last, recommending.learned(likeness, liked, by))
        hidden = [*disliked, *self._unsafe(of, likeness, self.studio.settings.safe)]
        return recommending.ranked(kept[1], person, by=by, hidden=hidden, top=top)

    def _chosen(self, person: str) -> tuple[int, list[str]]:
        """The latest choice of anybody, and what this person dislikes."""
        with self.studio.home.read() as connection:
            return conversations.last_choice(connection), choices.disliked_pictures(connection, person)

    def _unsafe(self, of: str, likeness: Likeness, safe: str) -> list[str]:
        """What the home's safety hides, worked out once: models are few and pictures are many."""
        known = self.unsafe.get((of, safe))
        if known is None:
            filters = Filters(safe=safe)
            models = {id for id, model in self.models.items() if safe != "any" and not filters.passes(model)}
            known = [id for id in likeness.ids if (id if of == "models" else self._maker.get(id)) in models]
            self.unsafe[of, safe] = known
        return known

    @cached_property
    def _maker(self) -> dict[str, str]:
        return dict(zip(self.gallery.ids.tolist(), self.gallery.model.tolist(), strict=True))

    @property
    def grounds(self) -> Grounds:
        """The space of taste, made of what everybody sees; anew once `palate train steering` left something else."""
        mark = _mark_of_learned(self.studio.home)
        kept = self.tasted.get("grounds")
        if kept is not None and kept[0] == mark:
            return kept[1]
        try:
            made = self._grounds()
        except PalateError:
            if kept is None:
                raise
            return kept[1]  # what was learned before is better than nothing
        self.tasted["grounds"] = (mark, made)
        return made

    def _grounds(self) -> Grounds:
        from palate.specify.encoding import space_of
        from palate.steer.steering import grounds_of

        encoder = self.encoder()
        return grounds_of(self.studio.home, space_of(encoder), encoder, among=self.gallery.ids.tolist())

    def warm(self) -> None:
        """What the first question would otherwise wait for."""
        _ = self.best, self.places
        self.reader.encoder()

    def asked_hub(self) -> Hub:
        if self.hub is None:
            assert self.trouble is not None
            raise self.trouble
        return self.hub

    def question(self, asked: Asked, filters: Filters, top: int) -> Question:
        started = time.perf_counter()
        hub = self.asked_hub()
        return Question(hub, self.reader.read(asked), filters, started, top)

    def find(
        self, asked: Asked, filters: Filters, by: str, weights: Weights, top: int, *, explained: bool = True
    ) -> Ranking:
        question = self.question(asked, filters, top if explained else 0)
        return asking.find(question, by=by, weights=weights).top(top)

    def identify(self, asked: Asked, filters: Filters, by: str, top: int) -> Ranking:
        return asking.identify(self.question(asked, filters, top), by=by).top(top)

    @cached_property
    def pixels(self) -> tuple[list[str], NDArray[np.float32]]:
        """Ids and (N, d) unit vectors of the shared pictures."""
        hub = self.asked_hub()
        wanted = set(self.gallery.ids.tolist())
        with self.studio.home.read() as connection:
            ids, rows = vectors.load(connection, hub.space, "picture")
        kept = [row for row, id in enumerate(ids) if id in wanted]
        return [ids[row] for row in kept], rows[kept]

    def similar(self, picture: str | Path, person: str, top: int) -> list[tuple[str, float]]:
        """Pictures by cosine, among those that this person may see and no others."""
        ids, rows = self.pixels
        [known], asked = self.reader.pictures([picture])
        own = sorted(set(self.seen_by(person).place) - set(ids))
        if own:
            with self.studio.home.read() as connection:
                more, own_rows = vectors.load(connection, self.asked_hub().space, "picture", own)
            ids, rows = [*ids, *more], np.concatenate([rows, own_rows])
        scores = rows @ asked[0]
        near = np.argsort(-scores, kind="stable")[: top + 1]
        return [(ids[row], float(scores[row])) for row in near if ids[row] != known][:top]

    @cached_property
    def places(self) -> dict[str, tuple[float, float]]:
        """Each picture's place on the map."""
        if self.hub is None:
            return {}
        ids, rows = self.pixels
        where = self.hub.kept("map", lambda: {"xy": plane(rows)})["xy"]
        if len(where) != len(ids):  # the home's encoder or pictures changed in between
            where = plane(rows)
        return {id: (round(float(x), 4), round(float(y), 4)) for id, (x, y) in zip(ids, where, strict=True)}


def _mark_of_learned(home: Home) -> object:
    """Changes when what was learned of people and of a slate's value does: the file is replaced."""
    from palate.steer.learned import FILE

    try:
        told = (home.folder / FILE).stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino


class HeldReader(Reader):
    """Over a library that does not change: what was looked up or encoded once is known. `ids` are prompts by text."""

    def __init__(
        self,
        home: Home,
        space: Space,
        encoder: Callable[[], Encoder],
        ids: Mapping[str, str],
        held: Callable[[], tuple[list[str], Vectors]],
    ) -> None:
        super().__init__(home, space, encoder)
        self._ids = ids
        self._held = held
        self._warning = super().unfit()
        self._said: dict[str, Vectors] = {}

    def unfit(self) -> str | None:
        return self._warning

    def _known_prompt(self, text: str) -> str | None:
        return self._ids.get(text)

    @cached_property
    def _row(self) -> dict[str, int]:
        return {id: row for row, id in enumerate(self._held()[0])}

    def pictures(self, named: Sequence[str | Path]) -> tuple[list[str], Vectors]:
        """Of pictures that everybody sees the vectors are at hand."""
        ids = [one for one in named if isinstance(one, str) and one in self._row]
        if len(ids) < len(named):
            return super().pictures(named)
        return ids, self._held()[1][np.array([self._row[id] for id in ids], dtype=np.intp)]

    def words(self, texts: Sequence[str]) -> Vectors:
        """Whoever moves a slider asks with the same words again."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._said]
        if not missing:
            return np.stack([self._said[text] for text in texts])
        fresh = dict(zip(missing, super().words(missing), strict=True))
        known = {**self._said, **fresh}
        self._said = known if len(known) <= MOST_WORDS else fresh  # replaced as a whole: others may be reading it
        return np.stack([known[text] for text in texts])


def plane(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 2) in -1..1: the two directions in which the vectors (N, d) differ most, each eased towards even spacing."""
    if len(rows) < 3:
        return np.zeros((len(rows), 2), dtype=np.float32)
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    flat = centred @ directions[:, :-3:-1]
    ranks = np.argsort(np.argsort(flat, axis=0, kind="stable"), axis=0, kind="stable") / (len(rows) - 1) * 2 - 1
    reach = np.maximum(np.quantile(np.abs(flat), 0.99, axis=0), 1e-12)
    eased: NDArray[np.float32] = (0.5 * ranks + 0.5 * np.clip(flat / reach, -1, 1)).astype(np.float32)
    return eased


class Shelf:
    """Holds the library that is asked now."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = threading.Lock()
        self._library: Library | None = None

    @property
    def library(self) -> Library:
        found = self._library
        if found is None:
            with self._lock:
                found = self._library
                if found is None:
                    found = self._library = self._load()
        return found

    def _load(self) -> Library:
        if self._studio.home.places.index == CELLS:
            from palate.serve.wide import WideLibrary

            return WideLibrary.load(self._studio)
        return Library.load(self._studio)

    def renew(self) -> None:
        """Read everything again; until that is done the old library answers."""
        with self._lock:
            self._library = self._load()

    def forget_own(self, person: str) -> None:
        """This person's own pictures changed."""
        if self._library is not None:
            self._library.own.pop(person, None)


def trigger_words(model: Model | None) -> Sequence[str]:
    return () if model is None else model.trigger_words
