"""Audits that need no attacker: is a reason true, is a profile one's own, is what was forgotten gone?"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.crowds import Crowd
from palate.evaluate.intervals import bootstrap
from palate.evaluate.longitudinal import Crowd as Believed
from palate.evaluate.longitudinal import Months, by_taste, catalogue_of, crowd_of
from palate.evaluate.report import Metric
from palate.recommend.asking import Scorer, arranged, fitted, reasons
from palate.recommend.methods import METHODS
from palate.steer.bank import MadeBank
from palate.steer.simulating import taught
from palate.taste.offset import Belief, battle, first_belief

Floats = NDArray[np.float64]
FIRST = 10
MARK = "erasemewholly"


def true_reasons(crowd: Crowd, people: int, seed: int = 0) -> dict[str, Metric]:
    """Of every reason that is given: is the row's score lower when that choice is taken away, asked anew?

    `given` are the product's own; `chance` is any other of the person's choices, called a reason.
    """
    ids = [f"{item:04d}" for item in range(crowd.items)]
    look = np.random.default_rng([seed, 7]).normal(size=(crowd.items, 32)).astype(np.float32)
    liked = {f"p{at}": [ids[item] for item in history] for at, history in enumerate(crowd.histories)}
    things = arranged(ids, {id: f"by {id}" for id in ids}, look, liked)
    metrics, rng = {}, np.random.default_rng([seed, 8])
    for name in ("itemknn", "ease", "popularity"):
        scorer = Scorer(fitted(METHODS[name], things), things)
        told: dict[str, list[float]] = {"given": [], "chance": []}
        for person in rng.permutation(len(crowd.histories))[:people].tolist():
            history = things.history_of(f"p{person}")
            scores = scorer.recommender.score([history])[0]
            order = [int(at) for at in np.argsort(-scores, kind="stable") if at not in set(history.tolist())][:FIRST]
            for at, why in zip(order, reasons(scorer, history, order), strict=True):
                for reason in why:
                    item = things.ids.index(reason.pictures[0])
                    told["given"].append(falls(scorer, history, item, at))
                told["chance"].append(falls(scorer, history, int(rng.choice(history)), at))
        for kind, values in told.items():
            if values:
                metrics[f"{name}:{kind}/true_reasons"] = bootstrap(values, seed=seed)
    return metrics


def falls(scorer: Scorer, history: NDArray[np.int64], item: int, row: int) -> float:
    """1 where the row's score is lower without the item, by the method alone."""
    whole, without = scorer.recommender.score([history, history[history != item]])[:, row]
    return float(without < whole)


def own_profile(people: int, seed: int = 0) -> dict[str, Metric]:
    """Made people after twenty slates: what taking back or stating something does to the next ten.

    `editable`: share of their choices whose removal changes the ten. `heeded`: share of the ten, each disliked in turn,
    that are gone then. `outside`: share of the four that are shown which the profile puts below its median.
    """
    months = Months(people=people, rounds=20, entries=150, seed=seed)
    catalogue = catalogue_of(MadeBank(seed=seed), months.entries, np.random.default_rng([seed, 4]))
    heads, within, crowd = crowd_of(catalogue.words.shape[1], months)
    rng = np.random.default_rng([seed, 2])
    told: dict[str, list[float]] = {"editable": [], "heeded": [], "outside": []}
    for person in crowd:
        belief = first_belief(heads, within)
        events: list[tuple[Floats, int | None]] = []
        for _ in range(months.rounds):
            slate = rng.permutation(len(catalogue.words))[:4]
            events.append((catalogue.middle[slate], person.pick(catalogue.pictures[slate], rng)))
            belief = taught(belief, *events[-1])
        worth = by_taste(Believed([belief], np.zeros(0)), 0, catalogue, rng)
        ten = set(np.argsort(-worth, kind="stable")[:FIRST].tolist())
        removed = []
        for number in range(len(events)):
            again = after(first_belief(heads, within), [*events[:number], *events[number + 1 :]])
            removed.append(float(best(again, catalogue.words) != ten))
        told["editable"].append(float(np.mean(removed)))
        gone = [item not in best(battle(belief, -catalogue.words[item], weight=2.0), catalogue.words) for item in ten]
        told["heeded"].append(float(np.mean(gone)))
        told["outside"].append(float((worth[np.argsort(-worth)[:4]] < np.median(worth)).mean()))
    return {f"profile/{name}": bootstrap(values, seed=seed) for name, values in told.items()}


def after(belief: Belief, events: Sequence[tuple[Floats, int | None]]) -> Belief:
    for columns, picked in events:
        belief = taught(belief, columns, picked)
    return belief


def best(belief: Belief, words: Floats) -> set[int]:
    worth = words @ (belief.types @ belief.mean)
    return set(np.argsort(-worth, kind="stable")[:FIRST].tolist())


def erasure(seed: int = 0) -> dict[str, Metric]:
    """A person who said and chose things is erased: rows of any table that still name them, and bytes of any file.

    What they wrote is a word that nothing else contains. Bytes may outlast rows until the database is next compacted.
    """
    from sqlalchemy import select

    from palate.catalogue import choices, conversations, tables
    from palate.catalogue.home import Home
    from palate.people import erasing, persons

    del seed
    with tempfile.TemporaryDirectory() as place:
        home = Home.create(Path(place) / "home")
        try:
            with home.write() as connection:
                persons.ensure_owner(connection)
                persons.make(connection, MARK, "member", None, id=MARK)
                for number in range(20):
                    choices.append(connection, choices.Choice(MARK, "like", {"picture": f"{MARK}-{number}"}))
                conversations.put_stated(connection, MARK, conversations.Stated({MARK: 1.0}, 0))
            before = traces(home.folder)
            erasing.erase(home, MARK)
            with home.read() as connection:
                rows = [
                    str(row) for table in tables.metadata.tables.values() for row in connection.execute(select(table))
                ]
        finally:
            home.close()
        left = [sum(MARK in row for row in rows), traces(Path(place) / "home")]
    if not before:
        raise AssertionError("what is to be erased was never written, so nothing is proven")
    return {
        "rows/left_behind": Metric(left[0], (left[0], left[0]), before),
        "bytes/left_behind": Metric(left[1], (left[1], left[1]), before),
    }


def traces(folder: Path) -> int:
    """How often the word stands in any file."""
    return sum(file.read_bytes().count(MARK.encode()) for file in folder.rglob("*") if file.is_file())
