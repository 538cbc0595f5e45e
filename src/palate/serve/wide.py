"""The library of a home with an index beside it: what is asked of so many models is looked up, not held.

A question by style reads the files of `find.many` and the rows of the few models that it answers. The wall, words and
the other ways to rank still need the whole catalogue in memory; it is read when the first of them is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue import tables
from palate.catalogue.home import Home
from palate.catalogue.records import Model, Prompt
from palate.errors import PalateError
from palate.find import asking
from palate.find.filters import Filters
from palate.find.hub import Hub
from palate.find.many import ManyStyles
from palate.find.requirement import Asked, Reader, space_of_home
from palate.find.scores import Weights
from palate.ranking import Ranking
from palate.serve.gallery import Gallery
from palate.serve.library import BEST, EMPTY, Library
from palate.serve.remembering import Remembered
from palate.studio import Studio

Value = TypeVar("Value")
Reading = Callable[[Connection, str], Value | None]


class LookedUp(Mapping[str, Value]):
    """Of every model something that is read when it is asked for, unless an answer brought it along just now."""

    def __init__(self, home: Home, what: str, remembered: Remembered, read: Reading[Value]) -> None:
        self._home, self._what, self._remembered, self._read = home, what, remembered, read

    def __getitem__(self, id: str) -> Value:
        found = self._remembered.get(self._what, id, ask=lambda: self._looked_up(id))
        if found is None:
            raise KeyError(id)
        return found

    def _looked_up(self, id: str) -> Value | None:
        with self._home.read() as connection:
            return self._read(connection, id)

    def brought(self, values: Mapping[str, Value]) -> None:
        for id, value in values.items():
            self._remembered.get(self._what, id, ask=lambda value=value: value)  # type: ignore[misc]

    def __iter__(self) -> Iterator[str]:
        with self._home.read() as connection:
            ids = connection.execute(select(tables.models.c.id).order_by(tables.models.c.name, tables.models.c.id))
            return iter(ids.scalars().all())

    def __len__(self) -> int:
        with self._home.read() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.models)).scalar_one())


class WideReader(Reader):
    """Whether pictures are of the encoder's kind is asked once: that looks at every one of them."""

    @cached_property
    def _unfit(self) -> str | None:
        return super().unfit()

    def unfit(self) -> str | None:
        return self._unfit


class WideLibrary(Library):
    """As `Library`, but that nothing is read before it is needed."""

    styles: ManyStyles | None

    def __init__(self, studio: Studio, styles: ManyStyles | None, trouble: PalateError | None) -> None:
        own: dict[str, Any] = {"own": {}, "learned": {}, "unsafe": {}}
        home = studio.home
        vars(self).update({"studio": studio, "styles": styles, "trouble": trouble, **own})
        models: LookedUp[Model] = LookedUp(home, "a model", self.remembered, model_rows.get)
        vars(self)["models"] = models

    @classmethod
    def load(cls, studio: Studio) -> WideLibrary:
        try:
            space = space_of_home(studio.home, studio.settings.encoder)
            return cls(studio, ManyStyles.open(studio.home, space), None)
        except PalateError as error:
            if error.code not in EMPTY:
                raise
            return cls(studio, None, error)

    @cached_property
    def _whole(self) -> Library:
        """Everything in memory, as small homes have it."""
        return Library.load(self.studio)

    @cached_property
    def hub(self) -> Hub | None:
        return self._whole.hub

    @cached_property
    def gallery(self) -> Gallery:
        return self._whole.gallery

    @cached_property
    def prompts(self) -> Mapping[str, Prompt]:
        return self._whole.prompts

    @cached_property
    def best(self) -> LookedUp[list[str]]:
        def shown(connection: Connection, id: str) -> list[str]:
            return picture_rows.of_model(connection, id, limit=BEST)

        return LookedUp(self.studio.home, "shown of a model", self.remembered, shown)

    @cached_property
    def asking_reader(self) -> Reader:
        """Reads what is asked by style: it needs to know no prompt beforehand."""
        assert self.styles is not None
        home = self.studio.home
        return WideReader(home, space_of_home(home, self.studio.settings.encoder), self.encoder)

    def shares(self, picture: str) -> bool:  # noqa: ARG002 - the catalogue is asked
        return False

    def warm(self) -> None:
        if self.styles is not None:
            self.styles.touch()
            self.asking_reader.unfit()
            self.asking_reader.encoder()

    def find(
        self, asked: Asked, filters: Filters, by: str, weights: Weights, top: int, *, explained: bool = True
    ) -> Ranking:
        if by != "style" or asked.prompt is not None:
            return super().find(asked, filters, by, weights, top, explained=explained)
        return self._by_style(asked, filters, top, top if explained else 0)

    def identify(self, asked: Asked, filters: Filters, by: str, top: int) -> Ranking:
        return self._by_style(asked, filters, top, top) if by == "style" else super().identify(asked, filters, by, top)

    def _by_style(self, asked: Asked, filters: Filters, top: int, explained: int) -> Ranking:
        started = time.perf_counter()
        if self.styles is None:
            assert self.trouble is not None
            raise self.trouble
        requirement = self.asking_reader.read(asked)
        question = asking.put_to_many(self.styles, requirement, filters, started, top, explained)
        self._bring(question.hub)
        return asking.find(question, by="style", weights=Weights(*self.studio.settings.weights)).top(top)

    def _bring(self, hub: Hub) -> None:
        """What was read to answer is what will be shown beside the answer."""
        assert isinstance(self.models, LookedUp)
        self.models.brought({model.id: model for model in hub.models})
        known, shown = hub.specifications, dict[str, list[str]]()
        for row, m in enumerate(known.model_index):
            shown.setdefault(known.model_ids[m], []).append(known.picture_ids[row])
        self.best.brought({id: pictures[:BEST] for id, pictures in shown.items()})
