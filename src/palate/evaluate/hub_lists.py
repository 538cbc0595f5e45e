"""What a hub's own `find` answers, as lists: for questions of fairness and of what can be copied."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from palate.catalogue import models as model_rows
from palate.catalogue.home import Home
from palate.encoders.opening import open_encoder
from palate.find import asking
from palate.find.filters import Filters
from palate.find.hub import Hub
from palate.find.requirement import Asked, Reader, space_of_home
from palate.settings import read

FIRST = 10


def hub_lists(
    hub: Path, wishes: Sequence[str]
) -> tuple[list[list[str]], dict[str, str], Callable[[str], Sequence[str]]]:
    """The first ten models of each wish; who made each model that can be found; and `find` itself.

    The hub is loaded once and no reasons are worked out: hundreds of wishes are a few seconds.
    """
    settings, home = read(hub), Home.open(hub)
    encoder, space = open_encoder(settings.encoder, fit=settings.fit), space_of_home(home, settings.encoder)
    with home.read() as connection:
        makers = {model.id: str(model.maker or "unknown") for model in model_rows.listed(connection)}
    known, reader = Hub.load(home, space), Reader(home, space, lambda: encoder)
    filters, weights = Filters(None, (), settings.safe), asking.weights_of(settings, None)

    def find(wish: str, top: int = FIRST) -> list[str]:
        question = asking.Question(known, reader.read(Asked(wish)), filters, time.perf_counter(), explained=0)
        return [row.id for row in asking.find(question, by="gre", weights=weights).top(top)]

    everything = find(wishes[0], 10_000)
    return [find(wish) for wish in wishes], {id: makers.get(id, "unknown") for id in everything}, find
