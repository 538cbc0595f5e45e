"""What every recommender can do, whichever paper it is from."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

from palate.recommend.histories import Histories, Scores, State


class Recommender(Protocol):
    """Learns from histories and scores every item for any history, of people it has never met as well.

    A history without items gets a defined answer: what the method believes of somebody unknown.
    """

    def fit(self, histories: Histories, items: int) -> Self:
        """Learns anew; items are numbered 0 to `items` - 1."""
        ...

    def score(self, histories: Histories) -> Scores:
        """(people, items), higher is better; items already in a history are scored like any other."""
        ...

    def state(self) -> State:
        """All that `fit` learned, as arrays."""
        ...

    def restore(self, state: State) -> Self:
        """Takes what `state` answered; scores are then the same."""
        ...


@runtime_checkable
class Streaming(Recommender, Protocol):
    """Can take in more people as they come. A person's own new choices need nothing: histories are told when asking."""

    def update(self, histories: Histories) -> Self:
        """The same as if these people had been there from the beginning."""
        ...
