"""The `harm` scenario: the survey's six kinds of harm and its generative additions, a measured line each.

What is measured, by which method, and what that does not show is a table of the report (`METHODS_AND_LIMITS`). What
needs a language model or pictures that people call unsafe is marked as not measured, and is not zero.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate import audits, membership, poisoning
from palate.evaluate.crowds import Crowd, crowd_of
from palate.evaluate.intervals import bootstrap
from palate.evaluate.longitudinal import POLICIES, Lived, Months, catalogue_of, live, measured
from palate.evaluate.poisoned_types import poisoned_types
from palate.evaluate.report import Metric, Report, write_run
from palate.metrics.cost import costing
from palate.steer.bank import MadeBank

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
SCENARIO = "harm"
SOCIAL = ("bubble", "homogenised", "polarised", "exposure_gini")

METHODS_AND_LIMITS: Mapping[str, tuple[str, str]] = {
    "privacy": (
        "membership inference by a shadow model; traces of a person after erasing",
        "one attack; others may be stronger. Bytes are those of the home's files, not of backups or of the disk",
    ),
    "autonomy": (
        "choices taken back and dislikes stated by made people, and whether the next ten follow",
        "people are made; whether somebody finds and understands the page is not measured",
    ),
    "transparency": (
        "each reason's choice is taken away and the score asked anew",
        "true of the score; whether it convinces anybody is another question",
    ),
    "social": (
        "made people over 40 rounds with closed loops, one policy each",
        "tastes move by a law that was made up; signs and orders mean more than sizes",
    ),
    "manipulation": (
        "1, 5 and 10 % attackers of three kinds, on recommenders and on user types, as they are and guarded",
        "attackers do not know the guard; one that does can stay below its limit and moves less",
    ),
    "displacement": (
        "a catalogue of which half is drawn to fit what types of people like",
        "exposure only: no income, and no maker's consent",
    ),
    "hyper-personalisation": ("share of what a person is shown late that nobody else is", "made people"),
    "environment": ("CPU seconds of this run at 15 W a core", "the watts are assumed, and nothing is said of hardware"),
}

LEFT_OUT = {
    "content": "no classifier of unsafe pictures or words ships: `palate find --safe` goes by what cards say",
    "out-of-domain bias": "needs a language model as the writer; see the scenario `fairness`",
    "near copies": "needs the pictures that models were trained on; see the scenario `pictures`",
}


def evaluate_harm(
    data: Path | None,
    *,
    people: int,
    seed: int = 0,
    out: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Report:
    """`people`: how many are looked at one by one; attacks are on everybody there is."""
    began, metrics = time.perf_counter(), dict[str, Metric]()
    crowd = crowd_of(data, seed)
    with costing() as cost:
        for part in parts_of(crowd, people, seed, progress):
            metrics |= part()
            if out is not None:  # what is known so far counts, should this be ended
                out.mkdir(parents=True, exist_ok=True)
                Report(SCENARIO, metrics, people, 0, time.perf_counter() - began, str(out), {}, LEFT_OUT).write(out)
    metrics["this-run/wh"] = Metric(cost.watt_hours, (cost.watt_hours, cost.watt_hours), 1)
    report = Report(
        SCENARIO,
        metrics,
        people,
        0,
        time.perf_counter() - began,
        None if out is None else str(out),
        {
            "Manipulability": attack_table(metrics),
            "What is measured, and what that does not show": [
                {"harm": name, "method": method, "limits": limits}
                for name, (method, limits) in METHODS_AND_LIMITS.items()
            ],
        },
        LEFT_OUT,
    )
    if out is not None:
        specification = {"scenario": SCENARIO, "crowd": about(crowd), "people": people, "seed": seed}
        write_run(out, specification, [], [], report)
    return report


def parts_of(
    crowd: Crowd, people: int, seed: int, progress: Callable[[str, int, int], None]
) -> list[Callable[[], dict[str, Metric]]]:
    """Each kind of harm, those that take longest last."""
    return [
        lambda: audits.erasure(seed),
        lambda: membership.of_user_types(people, seed),
        lambda: audits.true_reasons(crowd, min(people, 40), seed),
        lambda: audits.own_profile(min(people, 20), seed),
        lambda: social(people, seed),
        lambda: membership.of_recommenders(crowd, people, seed),
        lambda: poisoned_types(min(people, 100), seed=seed),
        lambda: poisoning.poisoned(crowd, targets=max(people // 10, 4), seed=seed, progress=progress),
    ]


def about(crowd: Crowd) -> dict[str, Any]:
    return {"name": crowd.name, "people": len(crowd.histories), "items": crowd.items}


def social(people: int, seed: int) -> dict[str, Metric]:
    """Bubbles, likeness and distance by policy; what drawn pictures take; what nobody else is shown."""
    months = Months(people=min(people, 40), rounds=40, entries=200, seed=seed)
    catalogue = catalogue_of(MadeBank(seed=seed), months.entries, np.random.default_rng([seed, 4]))
    fits = catalogue.words @ np.asarray(types_of(months)).T
    # Which half is drawn: those entries that some type likes best, since that is what a drawer is asked for.
    made_to_fit = np.argsort(-fits.max(axis=1), kind="stable")[: months.entries // 2]
    metrics: dict[str, Metric] = {}
    for name, policy in POLICIES.items():
        lived = live(catalogue, months, policy)
        found, _ = measured(lived, catalogue, seed)
        metrics |= {f"{name}/{kind}": found[kind] for kind in SOCIAL}
        late = lived.shown[:, -10:]
        metrics[f"{name}/displaced"] = bootstrap(displaced(late, made_to_fit, months.entries), seed=seed)
        metrics[f"{name}/alone"] = bootstrap(seen_by_nobody_else(lived), seed=seed)
    return metrics


def displaced(late: Rows, drawn: Rows, entries: int) -> Floats:
    """(people,) of what each is shown, the share that drawn pictures have, less their share of the catalogue."""
    found: Floats = np.isin(late, drawn).mean(axis=(1, 2)) - len(drawn) / entries
    return found


def types_of(months: Months) -> Floats:
    from palate.evaluate.longitudinal import crowd_of as made_people

    heads, _, _ = made_people(MadeBank(seed=months.seed).wide, months)
    return heads.weights


def seen_by_nobody_else(lived: Lived) -> Floats:
    """(people,) share of the different things a person is shown late that no other person is."""
    sets = [set(one[-10:].ravel().tolist()) for one in lived.shown]
    found = []
    for number, mine in enumerate(sets):
        others = set().union(*(other for at, other in enumerate(sets) if at != number))
        found.append(len(mine - others) / len(mine))
    return np.array(found)


def attack_table(metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    """Attack, share and method, as it is and guarded, beside each other."""
    rows = []
    for attack in poisoning.ATTACKS:
        for share in poisoning.SHARES:
            title = f"{attack}:{share:.0%}"
            for method in poisoning.METHODS:
                row: dict[str, Any] = {"attack": attack, "attackers": f"{share:.0%}", "method": method}
                for kind in ("rank_shift", "hijacked", "honest_loss"):
                    plain, safe = metrics[f"{title}:{method}/{kind}"], metrics[f"{title}:{method}:guarded/{kind}"]
                    row[kind] = f"{plain.value:.3f} -> {safe.value:.3f}"
                row["detection"] = f"{metrics[f'{title}/detection_auc'].value:.2f}"
                rows.append(row)
    return rows
