"""A suggestion in words, without a language model: what is said of the film is what the evidence for it says."""

from __future__ import annotations

from palate.converse.state import Claim
from palate.converse.suggesting import Knowledge
from palate.importers.dialogues import Suggestion

ASIDES = 2
"""Reasons that are said, the strongest first."""


def facts_of(knowledge: Knowledge, suggestion: Suggestion, film: str) -> list[Claim]:
    """What speaks for a film at this point of a talk; each sentence is true of what is known."""
    at = knowledge.place[film]
    genres = dict.fromkeys(genre.lower() for said in reversed(suggestion.before) for genre in said.genres)
    names = dict.fromkeys(name.lower() for said in reversed(suggestion.before) for name in said.names)
    named = [other for other in sorted(suggestion.named) if other in knowledge.place]
    told = [
        Claim(f"You spoke of {genre}, and it is {genre}.", (f"genre:{genre}", f"film:{film}"))
        for genre in genres
        if genre in knowledge.genres and knowledge.genres[genre][at] > 0
    ]
    told += [
        Claim(f"You spoke of {name.title()}, and so do people who speak of it.", (f"film:{film}",))
        for name in names
        if name in knowledge.people and knowledge.people[name][at] > 0
    ]
    told += [
        Claim(f"It is named together with {other}.", (f"film:{film}", f"film:{other}"))
        for other in named
        if knowledge.together[at, knowledge.place[other]] > 0
    ]
    if knowledge.recommended[at] > 0:
        count = int(knowledge.recommended[at])
        told.append(Claim(f"It was recommended {count} time{'s' * (count > 1)} before.", (f"film:{film}",)))
    return told


def suggested(knowledge: Knowledge, suggestion: Suggestion, film: str) -> list[Claim]:
    """The film, and why."""
    about = facts_of(knowledge, suggestion, film)
    return [Claim(f"Have you seen {film}?", (f"film:{film}",)), *about[:ASIDES]]


def retold(film: str, other: Suggestion) -> str:
    """What a recommender said at another moment, with this film instead of theirs."""
    theirs, own = other.film.rsplit(" (", 1)[0], film.rsplit(" (", 1)[0]
    return other.said.replace(other.film, film).replace(theirs, own)
