"""`identify` through the service among a million made-up models: how long over HTTP, and how many of the best it finds.

    python benchmarks/identify_many.py [--models 1000000] [--questions 300] [--home FOLDER]

A home is made (or gone on with, where the folder holds one): models in clusters about the pocket models' styles, each
with one picture (one in twenty with four) of a bank prompt, whose vector is that prompt's content, the model's style
and what a real picture of the bank has besides. `palate serve --index cells` makes its files and answers. Pictures of
coloured shapes are uploaded (60: more in a minute are refused); each question is a POST to /identify with one of them,
which the encoder reads every time, and the clock stops when the answer is here. Recall is how many of the ten best by
every model's vector, multiplied in this process, were answered. The first questions are not timed: they touch the files
for the first time.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.catalogue import pictures, vectors
from palate.catalogue.cells import CellIndex
from palate.catalogue.home import CELLS, Home
from palate.catalogue.records import Prompt
from palate.find.many import ManyStyles
from palate.find.requirement import space_of_home
from palate.importers.pocket import shipped
from palate.specify.encoding import space_of
from palate.studio import Studio
from palate.testing.shapes import COLOURS, SHAPES, draw_shape
from restart import served, unit

AT_ONCE, BLOCK = 20_000, 32_768
FIRST, PICTURES = 20, 60
TOP = 10
Rows = NDArray[np.float32]


class Bank:
    """What real pictures are made of: content by prompt (P, d), style by model (S, d), and what is left of each."""

    def __init__(self) -> None:
        bank = shipped().bank()
        rows = bank.rows("specification", seeds=1)
        real = unit(bank.vectors([row for row, *_ in rows]).astype(np.float32))
        model, prompt = (np.unique([row[place] for row in rows], return_inverse=True)[1] for place in (1, 2))
        asked = sorted({row[2] for row in rows})
        self.prompts = [Prompt(bank.prompts[p].text, tag=bank.prompts[p].tag) for p in asked]
        self.words = unit(bank.words[asked].astype(np.float32))
        self.content = np.stack([real[prompt == p].mean(axis=0) for p in range(len(asked))])
        self.style = np.stack([(real - self.content[prompt])[model == m].mean(axis=0) for m in range(model.max() + 1)])
        self.left = real - self.content[prompt] - self.style[model]

    def styles(self, count: int, rng: np.random.Generator) -> Rows:
        """Each about one of the real ones, away from it by a third of what two others differ."""
        a, b, c = rng.integers(len(self.style), size=(3, count))
        return np.asarray(self.style[a] + (self.style[b] - self.style[c]) / 3, dtype=np.float32)


def make_home(folder: Path, count: int) -> None:
    """By plain SQL: a million models through the repositories would be most of the time. Goes on where it was."""
    bank = Bank()
    studio = Studio(Home.create(folder), Studio.open(str(folder)).settings)
    space = space_of(studio.encoder)
    with studio.home.write() as connection:
        vectors.put_space(connection, space)
        vectors.put(connection, space, "prompt", [prompt.id for prompt in bank.prompts], bank.words)
        pictures.put_prompts(connection, bank.prompts)
    studio.close()
    with closing(sqlite3.connect(folder / "palate.db")) as rows:
        for start in range(rows.execute("SELECT count(*) FROM models").fetchone()[0], count, AT_ONCE):
            rng = np.random.default_rng(start)
            numbers = np.arange(start, min(start + AT_ONCE, count))
            style = bank.styles(len(numbers), rng)
            of = np.concatenate([np.arange(len(numbers)), np.repeat(np.flatnonzero(numbers % 20 == 0), 3)])
            asked, left = rng.integers(len(bank.prompts), size=len(of)), rng.integers(len(bank.left), size=len(of))
            drawn = unit(bank.content[asked] + style[of] + bank.left[left])
            _insert(rows, space.id, numbers, of, [bank.prompts[p].id for p in asked], drawn)


def _insert(rows: Any, space: str, numbers: Any, of: Any, asked: list[str], drawn: Rows) -> None:
    begin = int(rows.execute("SELECT count(*) FROM pictures").fetchone()[0])
    ids = [f"{begin + n:032x}" for n in range(len(of))]
    names = [f"m{n:07d}" for n in numbers]
    with rows:
        rows.executemany(
            "INSERT INTO models (id, name, kind, location, base, tags, trigger_words, state, known_hashes, card) "
            "VALUES (?, ?, 'listed', ?, ?, ?, '[]', 'ready', '[]', '{}')",
            (
                (id, f"Model {id}", f"/m/{id}", "SDXL" if n % 2 else "SD15", "[]" if n % 9 else '["ink"]')
                for n, id in zip(numbers, names, strict=True)
            ),
        )
        rows.executemany(
            "INSERT INTO pictures (id, width, height, format, size, state, owned) "
            "VALUES (?, 64, 64, 'PNG', 9, 'ok', 0)",
            ((id,) for id in ids),
        )
        rows.executemany(
            "INSERT INTO drawings (id, picture_id, source, prompt_id, settings) VALUES (?, ?, 'imported', ?, '{}')",
            zip(ids, ids, asked, strict=True),
        )
        rows.executemany(
            "INSERT INTO credits (drawing_id, position, name, role, weight, model_id, matched) "
            "VALUES (?, 0, '', 'checkpoint', 1.0, ?, 'name')",
            zip(ids, (names[m] for m in of), strict=True),
        )
        rows.executemany(
            "INSERT INTO vectors (encoder_id, kind, thing_id, data) VALUES (?, 'picture', ?, ?)",
            ((space, id, row.tobytes()) for id, row in zip(ids, drawn, strict=True)),
        )


def shapes(count: int) -> Iterator[tuple[bytes, Image.Image]]:
    """Different pictures, as files and as what is in them."""
    rng, colours = np.random.default_rng(1), sorted(COLOURS)
    for _ in range(count):
        ink, ground = rng.choice(colours, 2, replace=False)
        picture = draw_shape(str(rng.choice(SHAPES)), ink, ground=ground, radius=float(rng.uniform(0.15, 0.45)))
        noisy = np.clip(np.asarray(picture, dtype=float) + rng.normal(0, 12, (64, 64, 3)), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(noisy).save(file, "PNG")
        yield file.getvalue(), Image.fromarray(noisy)


def ask(home: Path, files: list[bytes], questions: int) -> tuple[list[list[str]], list[float], float]:
    """What the service answered to each, in how many milliseconds, and how long after its start to the first."""
    os.environ["PALATE_INDEX"] = CELLS
    answers, taken, first = [], [], 0.0
    with served(home) as (_, client, began):
        sent = [client.post("/api/v1/uploads", files={"file": ("a.png", file, "image/png")}) for file in files]
        ids = [answer.raise_for_status().json()["id"] for answer in sent]
        for number in range(FIRST + questions):
            asked = {"pictures": [ids[number % len(ids)]], "top": TOP}
            before = time.perf_counter()
            answer = client.post("/api/v1/identify", json=asked).raise_for_status().json()
            taken.append((time.perf_counter() - before) * 1e3)
            answers.append([row["id"] for row in answer["ranking"]])
            first = first or time.perf_counter() - began
    return answers, taken[FIRST:], first


def exactly(cells: CellIndex, queries: Rows) -> Any:
    """(Q, TOP) numbers of the models with the highest scores, every one of them looked at."""
    asked = np.concatenate([queries[:, -1:], queries[:, -2:-1], queries[:, :-2]], axis=1)
    lead = cells.leading.shape[1]
    best, scores = np.empty((len(asked), 0), dtype=np.intp), np.empty((len(asked), 0), dtype=np.float32)
    for start in range(0, len(cells.position), BLOCK):
        some = slice(start, start + BLOCK)
        block = asked[:, :lead] @ cells.leading[some].T + asked[:, lead:] @ cells.trailing[some].T
        keep = np.argpartition(-block, TOP, axis=1)[:, :TOP] if block.shape[1] > TOP else np.argsort(-block, axis=1)
        best = np.concatenate([best, cells.position[some][keep]], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(block, keep, axis=1)], axis=1)
    return np.take_along_axis(best, np.lexsort((best, -scores), axis=1)[:, :TOP], axis=1)


def measure(home: Path, questions: int) -> dict[str, Any]:
    with closing(Studio.open(str(home))) as opened:
        began = time.perf_counter()
        styles = ManyStyles.open(opened.home, space_of_home(opened.home, opened.settings.encoder))
        made = time.perf_counter() - began
        files, looked = zip(*shapes(PICTURES), strict=True)
        rows = np.concatenate([opened.encoder.encode_pictures([picture]) for picture in looked])
        queries = np.stack([styles.style.query(row[None]) for row in rows])
        exact = [[styles.ids[row].decode() for row in best] for best in exactly(styles.cells, queries)]
    answers, taken, first = ask(home, list(files), questions)
    pairs = [(answers[number], exact[number % PICTURES]) for number in range(len(answers))]
    return {
        "benchmark": "identify_many",
        "models": len(styles),
        "questions": len(taken),
        "recall@10": round(float(np.mean([len(set(one) & set(other)) / TOP for one, other in pairs])), 4),
        "same_first": round(float(np.mean([one[0] == other[0] for one, other in pairs])), 4),
        **{f"p{share}_ms": round(float(np.percentile(taken, share)), 1) for share in (50, 95, 99, 100)},
        "first_answer_s": round(first, 1),
        "files_s": round(made, 1),
    }


def main(count: int, questions: int, home: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        place = home or Path(folder) / "home"
        make_home(place, count)
        return measure(place, questions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    print(json.dumps(main(given.models, given.questions, given.home)))
