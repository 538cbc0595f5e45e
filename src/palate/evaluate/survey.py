"""CGI's survey of people (section 5.3, figures 3 and 4), for any hub: which picture matches the example best?

A folder of files: `survey.csv` (who is asked what, the options in an order drawn by chance), `pictures`, `survey.html`
(one page that shows the questions and saves `answers.csv`), `grid.png` (example pictures beside what the models that
each method names drew for the same prompt). `shares` reads the answers back as win rates.

Until people answer, a program does: it sees colours and edges only (`PlainLook`), which no method here looks at. It is
not a person: it says whether the pictures are alike, and not whether anybody would care. A model that sees may answer
instead (`seeing_judge`), and is then compared with the people who do.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from palate.errors import PalateError
from palate.evaluate import plots
from palate.evaluate.identification import Benchmark, Place, method_rows
from palate.evaluate.judging import read_rows, survey, survey_shares, whose, write_rows
from palate.evaluate.report import Metric
from palate.evaluate.seeing_judge import Chooser, agreed, twice_asked
from palate.personalise.plain_look import PlainLook

if TYPE_CHECKING:
    from PIL import Image

OPTIONS = ("popularity", "rkme", "pmi", "style")
"""The paper's three, and ours."""
TILE, GAP, HEAD, LINE = 96, 8, 20, 16
GRID_ROWS = 6
JUDGED, ANSWERED = "by-judge.csv", ("person", "question", "chosen")
Rows = Sequence[Mapping[str, str]]


def named_models(benchmark: Benchmark, methods: Sequence[str] = OPTIONS) -> dict[str, list[int]]:
    """(cases,) a method: the model it names from one picture."""
    return {name: method_rows(name, benchmark).argmax(axis=1).tolist() for name in methods}


def place_of(case: int, shape: Sequence[int]) -> Place:
    model, task, seed = np.unravel_index(case, tuple(shape[:3]))
    return int(model), int(task), int(seed)


def questions(benchmark: Benchmark, people: int, seed: int = 0) -> list[dict[str, str]]:
    """Rows of survey.csv: tasks are numbers of cases, options are numbers of models."""
    named = named_models(benchmark)
    answers = {
        str(case): {name: str(models[case]) for name, models in named.items()} for case in range(benchmark.cases)
    }
    return survey(answers, people, seed)


def places_of(row: Mapping[str, str], shape: Sequence[int]) -> list[Place]:
    """The example, then the options: for the same prompt, with another seed where there is one, since a model that is
    named rightly would else show the example itself."""
    model, task, seed = place_of(int(row["task"]), shape)
    return [(model, task, seed), *((one, task, (seed + 1) % shape[2]) for one in options_of(row))]


def options_of(row: Mapping[str, str]) -> list[int]:
    """The models a question shows, in their order."""
    return [int(row[f"option_{place}"]) for place in range(1, len(OPTIONS) + 1) if row.get(f"option_{place}")]


def pictures_of(benchmark: Benchmark, rows: Rows) -> dict[Place, Image.Image]:
    """The examples and the options, each drawn or opened once."""
    if benchmark.show is None:
        raise PalateError("no_pictures", "this hub's task pictures cannot be shown")
    wanted = sorted({place for row in rows for place in places_of(row, benchmark.tasks.shape)})
    return dict(zip(wanted, benchmark.show(wanted), strict=True))


def by_eye(benchmark: Benchmark, rows: Rows, pictures: Mapping[Place, Image.Image]) -> list[dict[str, str]]:
    """answers.csv by a program: the option whose colours and edges are most like the example's."""
    places = list(pictures)
    looks = dict(zip(places, PlainLook().encode_pictures([pictures[one] for one in places]), strict=True))
    answers = []
    for row in rows:
        example, *options = places_of(row, benchmark.tasks.shape)
        chosen = str(int(np.argmax([float(looks[example] @ looks[one]) for one in options])) + 1)
        answers.append({"person": row["person"], "question": row["question"], "chosen": chosen})
    return answers


def write_survey(
    benchmark: Benchmark, out: Path, *, people: int, seed: int = 0, judge: Chooser | None = None
) -> dict[str, Metric]:
    """The folder's files; answers what `judge` chooses, or a program that looks at colours and edges."""
    rows = questions(benchmark, people, seed)
    pictures = pictures_of(benchmark, rows)
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    for place, picture in pictures.items():
        picture.save(out / "pictures" / name_of(place))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_rows(out / "survey.csv", columns, [[row.get(name, "") for name in columns] for row in rows])
    (out / "survey.html").write_text(page(benchmark, rows), "utf-8")
    grid(benchmark, rows, pictures).save(out / "grid.png")
    if judge is not None:
        judged = twice_asked(judge, shown_in(benchmark, rows, pictures))
        write_rows(out / JUDGED, ANSWERED, [list(row.values()) for row in judged.answers])
        return (shares(out, [out / JUDGED], seed) if judged.answers else {}) | judged.metrics
    (out / JUDGED).unlink(missing_ok=True)  # of other questions, maybe
    answers = by_eye(benchmark, rows, pictures)
    write_rows(out / "by-eye.csv", ANSWERED, [list(row.values()) for row in answers])
    return shares(out, [out / "by-eye.csv"], seed)


def shown_in(
    benchmark: Benchmark, rows: Rows, pictures: Mapping[Place, Image.Image]
) -> list[tuple[Mapping[str, str], Image.Image, list[Image.Image]]]:
    """Each question's row, its example, and its options in their order."""
    placed = [(row, places_of(row, benchmark.tasks.shape)) for row in rows]
    return [(row, pictures[places[0]], [pictures[one] for one in places[1:]]) for row, places in placed]


def shares(out: Path, answered: Sequence[Path], seed: int = 0) -> dict[str, Metric]:
    """Win rates from files of answers, and their figure."""
    rows = read_rows(out / "survey.csv", ("person", "question", "task"))
    answers = [row for file in answered for row in read_rows(file, ("person", "question", "chosen"))]
    found = {name.replace("/share", "/win_rate"): one for name, one in survey_shares(rows, answers, seed).items()}
    shown = sorted(((name.rpartition("/")[0], one) for name, one in found.items()), key=lambda pair: -pair[1].value)
    (out / "win-rate.svg").write_text(plots.intervals(shown, "win rate by method", least=0.0), "utf-8")
    if (out / JUDGED).is_file() and out / JUDGED not in answered:
        found |= agreed(out / JUDGED, answered, seed)
    return found


def name_of(place: Place) -> str:
    return "-".join(map(str, place)) + ".png"


def grid(benchmark: Benchmark, rows: Rows, pictures: Mapping[Place, Image.Image]) -> Image.Image:
    """The paper's figure 4: a task's words, its example, what each method's model drew; where methods differ."""
    from PIL import Image, ImageDraw

    shown = list({row["task"]: row for row in rows}.values())[:GRID_ROWS]
    high = LINE + TILE + GAP
    size = (GAP + (1 + len(OPTIONS)) * (TILE + GAP), HEAD + len(shown) * high)
    sheet = Image.new("RGB", size, "white")
    ink = ImageDraw.Draw(sheet)
    for column, title in enumerate(("example", *OPTIONS)):
        ink.text((GAP + column * (TILE + GAP), 4), title, fill="black")
    for line, row in enumerate(shown):
        example, *options = places_of(row, benchmark.tasks.shape)
        top = HEAD + line * high
        ink.text((GAP, top), benchmark.asked[example[1]] if benchmark.asked else f"task {example[1]}", fill="#666")
        by_method = {name: place for number, place in enumerate(options, 1) for name in whose(row[f"method_{number}"])}
        for column, place in enumerate((example, *(by_method[name] for name in OPTIONS))):
            tile = pictures[place].convert("RGB").resize((TILE, TILE))
            sheet.paste(tile, (GAP + column * (TILE + GAP), top + LINE))
    return sheet


STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:0 auto;padding:1rem;color-scheme:light dark}
fieldset{margin:1rem 0;border:1px solid #8888}img{width:112px;background:#fff;display:block}
label{display:inline-block;margin:.3rem;padding:.3rem;border:1px solid #8884;cursor:pointer}
fieldset label:has(:checked){outline:3px solid #3b7dd8}button{font:inherit;padding:.5rem 1rem}"""
SCRIPT = """document.querySelector('form').addEventListener('submit',e=>{e.preventDefault();
const asked=[...document.querySelectorAll('fieldset:not([hidden])')],who=document.querySelector('#person').value;
const rows=asked.map(f=>[who,f.dataset.question,(f.querySelector(':checked')||{}).value]).filter(r=>r[2]);
const a=document.createElement('a');a.download='answers-'+who+'.csv';
a.href=URL.createObjectURL(new Blob([['person,question,chosen',...rows.map(r=>r.join(','))].join('\\n')+'\\n']));
a.click()});
document.querySelector('#person').addEventListener('change',e=>document.querySelectorAll('fieldset').forEach(
f=>f.hidden=f.dataset.person!==e.target.value));"""


def page(benchmark: Benchmark, rows: Rows) -> str:
    """One page of questions; whoever answers picks their number and saves answers-N.csv."""
    people = list(dict.fromkeys(row["person"] for row in rows))
    parts = []
    for row in rows:
        example, *others = places_of(row, benchmark.tasks.shape)
        name = f"{row['person']}-{row['question']}"
        options = "".join(
            f"<label><input type=radio name={name} value={number}>"
            f"<img alt='picture {number}' src='pictures/{name_of(one)}'></label>"
            for number, one in enumerate(others, 1)
        )
        hidden = "" if row["person"] == people[0] else " hidden"
        parts.append(
            f"<fieldset data-person={row['person']} data-question={row['question']}{hidden}>"
            f"<legend>Question {row['question']}: which picture matches this one best?</legend>"
            f"<img alt='the example' src='pictures/{name_of(example)}'>{options}</fieldset>"
        )
    numbers = "".join(f"<option>{html.escape(person)}</option>" for person in people)
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>Which picture matches?</title><style>{STYLE}</style></head><body><h1>Which picture matches?</h1>"
        f"<form><p><label>You are number <select id=person>{numbers}</select></label></p>{''.join(parts)}"
        f"<button>Save my answers</button></form><script>{SCRIPT}</script></body></html>\n"
    )
