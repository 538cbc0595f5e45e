"""The one gate: everything that is done for somebody asks `authorize` first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from palate.errors import PalateError

Role = Literal["owner", "member", "guest"]
Action = Literal["read", "choose", "draw", "admin"]

ACTIONS: tuple[Action, ...] = ("read", "choose", "draw", "admin")
ALLOWED: dict[str, frozenset[str]] = {
    "owner": frozenset(ACTIONS),
    "member": frozenset(("read", "choose", "draw")),
    "guest": frozenset(("read", "choose")),
}
"""What a role may do at most; a key narrows it further and never widens it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, by what they showed, and what they may do with it."""

    person: str
    name: str
    role: str
    may: frozenset[str]
    by: Literal["visit", "key", "here"]
    """A browser's visit, a key, or a program that already runs as the home's own user."""
    entry: str = ""
    """The id of the visit or key."""
    csrf: str | None = None


def authorize(principal: Principal | None, action: Action, owner: str | None = None) -> Principal:
    """Let the principal do this with a thing of this owner (None: the home's own), or raise.

    Somebody else's thing looks the same as one that does not exist, whatever role asks.
    """
    if principal is None:
        raise PalateError("not_signed_in", "sign in first", hint="open the address that `palate serve` printed")
    if action not in principal.may & ALLOWED[principal.role]:
        raise PalateError("not_allowed", f"this needs the right to {action}", hint="ask the owner, or use another key")
    if owner is not None and owner != principal.person:
        raise unknown()
    return principal


def unknown(what: str = "thing") -> PalateError:
    """The one answer for what is not there and for what is not yours."""
    return PalateError("unknown_thing", f"there is no such {what}")
