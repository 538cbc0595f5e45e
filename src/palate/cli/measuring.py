"""`palate evaluate ...` and `palate train ...`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from palate.cli.options import AsJson, Hub, studio


def run_folder(scenario: str) -> Path:
    """In the home where there is one, else among the system's temporary files."""
    import tempfile
    import time

    from palate.settings import home_folder

    home = home_folder()
    if not home.is_dir():
        return Path(tempfile.mkdtemp(prefix=f"palate-{scenario}-"))
    return home / "runs" / time.strftime(f"{scenario}-%Y%m%d-%H%M%S")


def list_and_end(wanted: bool) -> None:
    if wanted:
        scenarios()
        raise typer.Exit


def listed(
    wanted: Annotated[
        bool, typer.Option("--list", help="What can be measured; then end.", is_eager=True, callback=list_and_end)
    ] = False,
) -> None:
    """Measure the methods, with intervals, and write a page about it."""
    del wanted  # its callback has done it


def evaluate_gemrec(
    data: Annotated[
        Path | None, typer.Option("--data", help="A folder with GEMRec's features, roster and prompts.")
    ] = None,
    hub: Hub = None,
    seed: Annotated[int, typer.Option("--seed", help="Which random splits.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the run's plain files; the home's runs/ by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Identify and find on GEMRec's real features (--data), and its open questions with made people (--hub too)."""
    from palate.cli import printing
    from palate.errors import PalateError
    from palate.evaluate.gemrec import evaluate_gemrec as measure
    from palate.evaluate.gemrec_people import evaluate_home

    folder = out or run_folder("gemrec")
    if data is not None:
        answer = measure(data, seed=seed, out=folder)
    elif (home := home_of(hub)) is not None:
        answer = evaluate_home(home, seed=seed, out=folder)
    else:
        raise PalateError("nothing_to_measure", "neither a folder of data nor a hub is named", hint="--data or --hub")
    printing.as_json(answer.as_json()) if json else printing.report(answer)


def evaluate_identification(
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="Task pictures a task prompt.")] = 10,
    prompts: Annotated[Path | None, typer.Option("--prompts", help="Your own specification prompts.")] = None,
    tasks: Annotated[Path | None, typer.Option("--tasks", help="Your own task prompts.")] = None,
    executor: Annotated[str, typer.Option("--executor", help="Where to draw: serial, or pool.")] = "serial",
    bank: Annotated[
        bool, typer.Option("--bank", help="On the pocket hub's bank: up to 4 seeds, nothing drawn.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="With --bank: which prompts are tasks.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write the run of --bank.")] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """The CGI benchmark on a hub: draws what is missing (not with --bank), prints the paper's tables."""
    from palate.cli import printing

    if bank:
        from palate.evaluate.identification_banked import evaluate_banked

        found = evaluate_banked(seeds, split=seed, out=out or run_folder("identification"))
        printing.as_json(found.as_json()) if json else printing.report(found)
        return
    with studio(hub) as opened, printing.progress(quiet=json) as progress:
        answer = opened.evaluate_identification(
            seeds=seeds, prompts=prompts, tasks=tasks, executor=executor, progress=progress
        )
    printing.as_json(answer.as_json()) if json else printing.report(answer)


def evaluate_recommend(
    data: Annotated[
        Path, typer.Option("--data", help="An .npz of train, valid and test pairs, a .txt of sequences, or ml-100k.")
    ],
    methods: Annotated[str, typer.Option("--methods", help="Names with commas between, or all.")] = "all",
    tries: Annotated[
        int | None, typer.Option("--tries", min=1, help="At most so many settings of each method are tried; else all.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="At most so many of each method that learns in epochs.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the intervals.")] = 0,
    content: Annotated[
        Path | None, typer.Option("--content", help="An .npz of text, pictures and words of the items, with their ids.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the run's plain files; the same again goes on.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Recommenders side by side on one split, tuned alike, every item ranked, with 95 % intervals."""
    from palate.cli import printing
    from palate.evaluate.recommending import evaluate_recommend as measure
    from palate.recommend.methods import chosen

    answer = measure(
        data,
        chosen(methods, tries, epochs),
        seed=seed,
        out=out or run_folder("recommend"),
        content=content,
        progress=lambda name: None if json else printing.note(name),
    )
    printing.as_json(answer.as_json()) if json else printing.report(answer)


def scenarios(json: AsJson = False) -> None:
    """What can be measured, of which aspects, and what each needs."""
    from palate.cli import printing
    from palate.evaluate.scenario import shipped

    rows = [
        {"scenario": one.name, "aspects": one.aspects, "asks": one.asks, "needs": one.needs, "cases": one.all_cases}
        for one in shipped()
    ]
    if json:
        printing.as_json({"scenarios": rows})
        return
    printing.table(
        ("scenario", "what it measures", "aspects", "needs"),
        [(one.name, one.asks, ", ".join(one.aspects), ", ".join(one.needs)) for one in shipped()],
    )


DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The folder of data sets: gemrec, ml-100k, conversation, prompts ... in it."),
]


def evaluate_all(
    budget: Annotated[str, typer.Option("--budget", help="The time there is, such as 30m or 1h30m.")] = "30m",
    only: Annotated[
        str | None,
        typer.Option("--only", help="Names with commas between; or dotted paths or files of your own scenarios."),
    ] = None,
    hub: Hub = None,
    data_dir: DataDir = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where everything goes; the same again does what is missing.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn by chance.")] = 0,
    json: AsJson = False,
) -> None:
    """Every scenario that can be run, as much of each as fits into the time, and one page about all of them."""
    import time

    began = time.monotonic()
    from palate.cli import printing
    from palate.evaluate.budget import seconds_of
    from palate.evaluate.page import read_suite, write_page
    from palate.evaluate.scenario import named
    from palate.evaluate.suite import evaluate_all as measure

    seconds, folder, home = seconds_of(budget), out or run_folder("all"), home_of(hub)
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    found = measure(
        names,
        folder,
        seconds=seconds,
        seed=seed,
        data=data_dir,
        hub=home,
        began=began,
        progress=lambda said: None if json else printing.note(said),
    )
    known = {scenario.name: scenario for scenario in map(named, names or [one.scenario for one in found])}
    page = folder / "report.html"
    write_page(page, read_suite(folder), found, known)
    if json:
        printing.as_json({"report": str(page), "scenarios": [one.as_json() for one in found]})
    else:
        rows = [
            (one.scenario, one.state, f"{one.cases} of {one.of}", one.as_json()["metrics"], one.why) for one in found
        ]
        printing.table(("scenario", "", "cases", "metrics", "why"), rows)
        printing.note(f"the report is {page}")
    if any(one.state == "failed" for one in found):
        raise typer.Exit(1)


def home_of(hub: str | None) -> Path | None:
    """The folder of a home that is there, made ready where it is the pocket one; none where nobody named any."""
    from palate.settings import home_folder

    if hub is None:
        folder = home_folder()
        return folder if (folder / "palate.db").is_file() else None
    with studio(hub) as opened:
        return opened.home.folder


def scenario_command(name: str) -> Callable[..., None]:
    """A command for one scenario, its cases being as many as are asked for."""

    def command(
        cases: Annotated[int | None, typer.Option("--cases", min=1, help="How many; the fewest by default.")] = None,
        hub: Hub = None,
        data_dir: DataDir = None,
        seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn by chance.")] = 0,
        out: Annotated[Path | None, typer.Option("--out", help="Where to write the run's plain files.")] = None,
        json: AsJson = False,
    ) -> None:
        from palate.cli import printing
        from palate.evaluate.scenario import Specification, named
        from palate.evaluate.suite import run_one, sizes_of

        size, folder = sizes_of(named(name), cases), out or run_folder(name)
        answer = run_one(name, Specification(name, size.cases, seed, data_dir, home_of(hub), folder))
        printing.as_json(answer.as_json()) if json else printing.report(answer)

    command.__doc__ = SCENARIO_COMMANDS[name]
    return command


SCENARIO_COMMANDS = {
    "cost": "Latency, throughput, memory, operations and assumed energy of answers and of learning.",
    "fairness": "Who is served worse, which makers are shown less, and whether saying who one is changes the answer.",
    "harm": "Privacy, autonomy, transparency, social harm, manipulability: each with its method and its limits.",
    "longitudinal": "Sixty rounds of made people's lives: satisfaction, drift, variety, exposure; tests on traffic.",
    "people": "Win rates and strengths from what people preferred, and a judge's agreement with them.",
    "pictures": "What each model drew beside the others: FID, KID, CMMD, coverage, variety, copies.",
    "red-team": "Attacks on files, pictures, words and the service, and copying by queries: the share that is held.",
    "text": "Candidate prompts: how many can be used, how faithful, how varied, how natural.",
}
"""Scenarios that are commands by themselves, and what their help says."""


def compare(
    first: Annotated[Path, typer.Argument(help="The folder of a run, or of `palate evaluate all`.")],
    second: Annotated[Path, typer.Argument(help="The folder of another one.")],
    by: Annotated[str, typer.Option("--by", help="The correction for many metrics: holm, or bh.")] = "holm",
    most: Annotated[int, typer.Option("--most", min=1, help="Rows that are shown, the surest first.")] = 40,
    json: AsJson = False,
) -> None:
    """What differs between two runs (or two folders of `evaluate all`), and whether it is more than noise."""
    from palate.cli import printing
    from palate.evaluate.runs import compare as differences

    found = differences(first, second, by=by)
    if json:
        rows = [
            {"metric": row.name, "first": row.first.value, "second": row.second.value}
            | {
                "p": row.p,
                "adjusted": row.adjusted,
                "paired": row.paired,
                "sure": row.sure,
                "second_is": row.said or "alike",
            }
            for row in found
        ]
        printing.as_json({"differences": rows})
        return
    printing.table(
        ("metric", "first", "second", "p, corrected", "second is"),
        [
            (
                row.name,
                f"{row.first.value:.4g}",
                f"{row.second.value:.4g}",
                f"{row.adjusted:.2g}" + (" by case" if row.paired else ""),
                row.said,
            )
            for row in found[:most]
        ],
    )
    sure = sum(row.sure for row in found)
    printing.note(
        f"{sure} of {len(found)} metrics differ for sure: by chance alone, with so many looked at, hardly any would "
        f"({by}, 5 %)" + (f"; the {most} surest are shown, --most shows more" if len(found) > most else "")
    )


def bars(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or of `palate evaluate all`.")],
    json: AsJson = False,
) -> None:
    """A run as bars for those to come, as TOML: `palate evaluate bars RUN > bars.toml`."""
    import tomllib

    from palate.cli import printing
    from palate.evaluate.runs import bars_of

    written = bars_of(run)
    printing.as_json(tomllib.loads(written)) if json else printing.line(written.rstrip())


JUDGE_SAID = {
    "judge/consistent": "share of the judge's choices that stand when the options are reversed",
    "judge/kappa": "Cohen's kappa of the judge's choices with those of people: 1 alike, 0 as by chance",
}


def survey(
    out: Annotated[Path, typer.Argument(help="The folder of the survey: survey.html, survey.csv, pictures.")],
    answers: Annotated[
        list[Path] | None, typer.Option("--answers", help="Answers that people saved; may be given many times.")
    ] = None,
    people: Annotated[int, typer.Option("--people", min=1, max=500, help="How many are asked five questions.")] = 20,
    judge: Annotated[
        str | None, typer.Option("--judge", help="A model that sees and answers first, ADDRESS#MODEL, asked twice.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Who is asked what.")] = 0,
    json: AsJson = False,
) -> None:
    """CGI's survey on the pocket hub: a page of questions with pictures, and win rates from what people answered."""
    from palate.cli import printing
    from palate.evaluate.identification_banked import banked
    from palate.evaluate.seeing_judge import named_judge
    from palate.evaluate.survey import shares, write_survey

    asked, seeing = not answers, None if judge is None else named_judge(judge)
    found = (
        write_survey(banked(split=seed), out, people=people, seed=seed, judge=seeing)
        if asked
        else shares(out, answers or [], seed)
    )
    if json:
        printing.as_json({"metrics": {name: metric.as_json() for name, metric in found.items()}})
        return
    rows = [
        (name.rpartition("/")[0], f"{one.value:.3f}", f"{one.ci95[0]:.3f} to {one.ci95[1]:.3f}")
        for name, one in sorted(found.items(), key=lambda item: -item[1].value)
        if name.endswith("/win_rate")
    ]
    printing.table(("method", "win rate", "95 % interval"), rows)
    for name, what in JUDGE_SAID.items():
        if name in found:
            one = found[name]
            printing.note(f"{what}: {one.value:.2f} [{one.ci95[0]:.2f}, {one.ci95[1]:.2f}]")
    if asked and seeing is not None:
        printing.note(f"these are the choices of {seeing.model}; people may answer as well, and are compared with it")
    elif asked:
        printing.note("these are the choices of a program that sees colours and edges only, and of nobody else")
    if asked:
        printing.note(f"people answer {out / 'survey.html'}; then: palate evaluate survey {out} --answers FILE")


def trial(
    models: Annotated[
        str | None, typer.Option("--models", help="Two models' names, a comma between; the most compared without.")
    ] = None,
    arms: Annotated[
        Path | None, typer.Option("--arms", help="An A/B instead: a CSV of person and arm, whatever differed.")
    ] = None,
    hub: Hub = None,
    json: AsJson = False,
) -> None:
    """Which of two models (or arms) the people of a home prefer, from its own log; valid however often one looks."""
    from palate.cli import printing
    from palate.errors import PalateError
    from palate.evaluate.logged import read_arms, trials_of

    named = [name.strip() for name in (models or "").split(",") if name.strip()]
    if models is not None and len(named) != 2:
        raise PalateError("wrong_models", f"'{models}' does not name two models", hint='--models "one,another"')
    pairs = [(named[0], named[1])] if named else []
    with studio(hub) as opened:
        found = trials_of(opened.home, pairs=pairs, arms=None if arms is None else read_arms(arms))
    if json:
        printing.as_json({"trials": [one.as_json() for one in found]})
        return
    rows = [one.as_row() for one in found]
    if not rows:
        printing.note("nobody has compared pictures of two models in this home yet")
        return
    printing.table(tuple(rows[0]), [tuple(row.values()) for row in rows])


def gate(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    bars: Annotated[
        Path, typer.Option("--bars", help='A TOML file, a line a metric: "ease/ndcg@10" = {least = 0.09}.')
    ],
    json: AsJson = False,
) -> None:
    """Whether a run clears its bars: exit code 1 where it does not, for a team's CI."""
    from palate.cli import printing
    from palate.evaluate.runs import gate as verdicts

    found = verdicts(run, bars)
    if json:
        rows = [{"metric": row.name, "bar": row.bar, "said": row.said, "passed": row.passed} for row in found]
        printing.as_json({"passed": all(row.passed for row in found), "bars": rows})
    else:
        rows_shown = [(row.name, row.bar, row.said, "" if row.passed else "missed") for row in found]
        printing.table(("metric", "bar", "said", ""), rows_shown)
    if not all(row.passed for row in found):
        raise typer.Exit(1)


def train_recommender(
    data: Annotated[
        Path, typer.Option("--data", help="An .npz of train, valid and test pairs, a .txt of sequences, or ml-100k.")
    ],
    method: Annotated[str, typer.Option("--method", help="ease, als, multvae, diffrec, sasrec ...")],
    out: Annotated[Path, typer.Option("--out", help="The folder to keep it in.")],
    content: Annotated[
        Path | None, typer.Option("--content", help="An .npz of text, pictures and words of the items, with their ids.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Learn from a file of choices, with the settings that do best on held-out ones, and keep what was learned."""
    from palate.cli import printing
    from palate.evaluate.recommending import train

    answer = train(data, method, out, content)
    printing.as_json(answer) if json else printing.facts(answer)
