"""How much of each scenario fits into the time that somebody has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from palate.errors import PalateError
from palate.evaluate.scenario import Scenario, Size

PLANNED = 0.6
"""Share of the time that is planned with: machines are slower than the one that sizes were measured on."""
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(budget: str) -> float:
    """`90s`, `30m`, `2h`, or `1h30m`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", budget.strip())
    if not parts or "".join(number + unit for number, unit in parts) != budget.strip():
        raise PalateError("budget_unreadable", f"'{budget}' is no time", hint="such as 30m, 90s, or 1h30m")
    total = sum(float(number) * UNITS[unit] for number, unit in parts)
    if total <= 0:
        raise PalateError("budget_unreadable", "no time at all is no budget", hint="such as 30m")
    return total


def planned(scenarios: Sequence[Scenario], seconds: float, slowness: float = 1.0) -> dict[str, Size]:
    """The size of each: all of them small first, then each a step larger in turns as long as there is room.

    What does not fit even when small is not among them; the quickest are the last to be left out. A machine that is
    slow just now lets nothing grow, but it may be quick again: what is small is tried all the same.
    """
    room = seconds * PLANNED
    chosen: dict[str, int] = {}
    for scenario in sorted(scenarios, key=lambda one: one.sizes[0].seconds):
        if scenario.sizes[0].seconds <= room:
            chosen[scenario.name] = 0
            room -= scenario.sizes[0].seconds
    room -= seconds * PLANNED * (1 - 1 / slowness)
    growing = [scenario for scenario in scenarios if scenario.name in chosen]
    while growing:
        for scenario in list(growing):
            at = chosen[scenario.name]
            if at + 1 == len(scenario.sizes):
                growing.remove(scenario)
                continue
            more = scenario.sizes[at + 1].seconds - scenario.sizes[at].seconds
            if more > room:
                growing.remove(scenario)
                continue
            chosen[scenario.name] += 1
            room -= more
    return {one.name: one.sizes[chosen[one.name]] for one in scenarios if one.name in chosen}


def limit(name: str, left: float, waiting: Mapping[str, Size], slowness: float = 1.0) -> float:
    """Seconds that a scenario may take of those `left`: its share of what it and the others still to come need.

    On a slow machine twice what it needs there, though others wait: a few that are whole say more than many cut off.
    And what the others can spare, up to four times that. But no more than half of what is left while they wait, unless
    it needs more or they need less: one that never ends must not leave them all nothing.
    """
    own, all_of_them = waiting[name].seconds, sum(size.seconds for size in waiting.values())
    share, needed = left * own / all_of_them, slowness * own
    spare = min(left - slowness * (all_of_them - own), 4 * needed)
    most = left if len(waiting) == 1 else max(left / 2, share, min(1.5 * needed, left), spare)
    return min(most, max(share, 2 * needed, spare))
