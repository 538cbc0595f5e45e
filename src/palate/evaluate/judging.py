"""The `people` scenario: what people prefer, from battles and surveys that are written out and read back as CSV.

battles.csv: case,first,second,winner       winner is `first`, `second` or `tie`
survey.csv:  person,question,task,option_1,option_2,...   a question a row, options in an order drawn by chance
answers.csv: person,question,chosen         chosen is the place of an option, from 1

A survey is CGI's: five questions a person, tasks for which all methods answer the same are left out, and a method's win
rate is its share of the answers. A judge that is a program is asked twice, sides swapped: a verdict that does not stand
is a tie, and how often it stood is reported beside its agreement with people.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric, Report, write_run
from palate.metrics.battles import agreement, strengths, win_rates, wins_of

SCENARIO = "people"
Winner = Literal["first", "second", "tie"]
SHARES: Mapping[str, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}
SWAPPED: Mapping[str, Winner] = {"first": "second", "second": "first", "tie": "tie"}
QUESTIONS = 5
DRAWS = 200
Judge = Callable[[str, str, str], str]
"""Case, first, second -> first, second or tie."""


class Battle(NamedTuple):
    case: str
    first: str
    second: str
    winner: str


def write_battles(path: Path, battles: Sequence[Battle]) -> None:
    write_rows(path, Battle._fields, battles)


def read_battles(path: Path) -> list[Battle]:
    rows = [Battle(*(row[name] for name in Battle._fields)) for row in read_rows(path, Battle._fields)]
    wrong = [number for number, row in enumerate(rows, 2) if row.winner not in SHARES]
    if wrong:
        raise PalateError("battles_unreadable", "a winner is first, second or tie", about=f"{path}:{wrong[0]}")
    return rows


def survey(answers: Mapping[str, Mapping[str, str]], people: int, seed: int = 0) -> list[dict[str, str]]:
    """`answers`: task -> method -> what it answers. Rows of `survey.csv`, `method_1` saying whose option 1 is.

    What several methods answer is one option, `pmi|style`: nobody can choose between two equal pictures.
    """
    tasks = sorted(task for task, each in answers.items() if len(set(each.values())) > 1)
    if len(tasks) < QUESTIONS:
        raise PalateError("too_few_cases", f"{len(tasks)} tasks on which methods differ are too few for a survey")
    rng, rows = np.random.default_rng(seed), []
    for person in range(people):
        for number, at in enumerate(rng.permutation(len(tasks))[:QUESTIONS]):
            task = tasks[int(at)]
            whose: dict[str, list[str]] = {}
            for name, said in answers[task].items():
                whose.setdefault(said, []).append(name)
            options = [list(whose)[int(place)] for place in rng.permutation(len(whose))]
            row = {"person": str(person + 1), "question": str(number + 1), "task": task}
            row |= {f"option_{place}": said for place, said in enumerate(options, 1)}
            rows.append(row | {f"method_{place}": "|".join(whose[said]) for place, said in enumerate(options, 1)})
    return rows


def survey_shares(
    rows: Sequence[Mapping[str, str]], answered: Sequence[Mapping[str, str]], seed: int = 0
) -> dict[str, Metric]:
    """Each method's share of the answers, an option of several being shared among them; intervals over people, since
    one person's answers are not independent."""
    of = {(row["person"], row["question"]): row for row in rows}
    methods = sorted({one for row in rows for name in row if name.startswith("method_") for one in whose(row[name])})
    chosen = []
    for answer in answered:
        row = of.get((answer["person"], answer["question"]))
        if row is None or not row.get(f"method_{answer['chosen']}"):
            raise PalateError("answers_unreadable", f"nobody was asked this: {dict(answer)}")
        chosen.append((answer["person"], whose(row[f"method_{answer['chosen']}"])))
    people = [person for person, _ in chosen]
    return {
        f"{name}/share": bootstrap([(name in some) / len(some) for _, some in chosen], clusters=people, seed=seed)
        for name in methods
    }


def whose(cell: str) -> list[str]:
    """The methods of an option: `pmi|style`."""
    return [name for name in cell.split("|") if name]


def tournament(battles: Sequence[Battle], seed: int = 0) -> dict[str, Metric]:
    """Win rates and Bradley and Terry's strengths, ties half, with intervals over cases."""
    names = sorted({name for battle in battles for name in (battle.first, battle.second)})
    cases = sorted({battle.case for battle in battles})
    place, at = {name: n for n, name in enumerate(names)}, {case: n for n, case in enumerate(cases)}
    tables = np.zeros((len(cases), len(names), len(names)))
    for battle in battles:
        one = wins_of([(place[battle.first], place[battle.second], SHARES[battle.winner])], len(names))
        tables[at[battle.case]] += one
    rng = np.random.default_rng(seed)
    found: dict[str, Metric] = {}
    whole = tables.sum(axis=0)
    again = [tables[rng.integers(len(cases), size=len(cases))].sum(axis=0) for _ in range(DRAWS)]
    for kind, measure in (("win_rate", win_rates), ("strength", lambda wins: strengths(wins, rounds=200, close=1e-6))):
        value, drawn = measure(whole), np.array([measure(wins) for wins in again])
        low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
        for name, n in place.items():
            fought = sum(name in (battle.first, battle.second) for battle in battles)
            found[f"{name}/{kind}"] = Metric(float(value[n]), (float(low[n]), float(high[n])), fought)
    return found


def judged(judge: Judge, battles: Sequence[Battle], seed: int = 0) -> dict[str, Metric]:
    """A judge over battles that people have decided: how often its verdict stands when swapped, and its agreement."""
    verdicts: list[str] = []
    stood = []
    for battle in battles:
        forth = judge(battle.case, battle.first, battle.second)
        back = judge(battle.case, battle.second, battle.first)
        stood.append(float(SWAPPED.get(back) == forth))
        verdicts.append(forth if stood[-1] and forth in SHARES else "tie")
    truth = [battle.winner for battle in battles]
    value = agreement(verdicts, truth)
    rng = np.random.default_rng(seed)
    said, true = np.array(verdicts), np.array(truth)
    some = [rng.integers(len(true), size=len(true)) for _ in range(DRAWS)]
    low, high = np.quantile([agreement(said[rows], true[rows]) for rows in some], [0.025, 0.975])
    return {
        "judge/consistent": bootstrap(stood, seed=seed),
        "judge/kappa": Metric(value, (min(float(low), value), max(float(high), value)), len(truth)),
    }


def of_scores(path: Path, cases: int, seed: int = 0, even: float = 0.1) -> list[Battle]:
    """AGIQA-3K's mean opinions as battles: of pictures for one prompt, the one people scored higher wins.

    Scores nearer than `even` are a tie.
    """
    by_prompt: dict[str, dict[str, float]] = {}
    for row in read_rows(path, ("name", "prompt", "adj1", "adj2", "style", "mos_align")):
        prompt = "|".join(row[name] for name in ("prompt", "adj1", "adj2", "style"))
        by_prompt.setdefault(prompt, {})[row["name"].partition("_")[0]] = float(row["mos_align"])
    several = sorted(prompt for prompt, each in by_prompt.items() if len(each) > 1)
    chosen = [several[int(at)] for at in np.random.default_rng(seed).permutation(len(several))[:cases]]
    battles = []
    for prompt in chosen:
        scored = sorted(by_prompt[prompt].items())
        for number, (first, one) in enumerate(scored):
            for second, other in scored[number + 1 :]:
                winner = "tie" if abs(one - other) < even else "first" if one > other else "second"
                battles.append(Battle(prompt, first, second, winner))
    return battles


def evaluate_people(
    battles: Sequence[Battle], *, judge: Judge | None = None, seed: int = 0, out: Path | None = None
) -> Report:
    """What people decided; `judge`: a program whose verdicts are compared with theirs."""
    began = time.perf_counter()
    metrics = tournament(battles, seed)
    left_out = {}
    if judge is None:
        left_out["a judge that sees"] = "no vision language model is at hand; `judged` takes any function"
    else:
        metrics |= judged(judge, battles, seed)
    cases = len({battle.case for battle in battles})
    rows: list[dict[str, Any]] = [
        {"method": name.rpartition("/")[0], "win rate": round(metric.value, 3), "battles": metric.n}
        for name, metric in sorted(metrics.items(), key=lambda item: -item[1].value)
        if name.endswith("/win_rate")
    ]
    where = None if out is None else str(out)
    tables = {"Win rates, ties half": rows}
    report = Report(SCENARIO, metrics, cases, 0, time.perf_counter() - began, where, tables, left_out)
    if out is not None:
        write_run(out, {"scenario": SCENARIO, "battles": len(battles), "seed": seed}, [], [], report)
        write_battles(out / "battles.csv", battles)
    return report


def write_rows(path: Path, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])


def read_rows(path: Path, names: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (FileNotFoundError, UnicodeDecodeError):
        raise PalateError("battles_unreadable", "it is not there, or no text", about=str(path)) from None
    if not rows or not set(names) <= set(rows[0]):
        raise PalateError("battles_unreadable", f"the columns {', '.join(names)} are needed", about=str(path))
    return rows
