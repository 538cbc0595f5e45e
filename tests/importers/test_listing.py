"""A person's own list of what drew which picture, and what is wrong with it by its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palate.errors import PalateError
from palate.importers.listing import ListedPicture, Listing, read_listing


def written(folder: Path, text: str, name: str = "list.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8", newline="")
    return file


def test_csv_and_json_lines_say_the_same(tmp_path: Path) -> None:
    table = written(tmp_path, 'file,model,prompt,seed,steps,cfg\na/1.png,m,"a fox, red",7,20,7.5\n2.png,m 2,,,,\n')
    lines = [
        {"file": "a/1.png", "model": "m", "prompt": "a fox, red", "seed": 7, "steps": 20, "cfg": 7.5},
        {"file": "2.png", "model": "m 2", "seed": None},
    ]
    jsonl = written(tmp_path, "\n".join(map(json.dumps, lines)), "list.jsonl")
    tsv = written(
        tmp_path, "file\tmodel\tprompt\tseed\tsteps\tcfg\na/1.png\tm\ta fox, red\t7\t20\t7.5\n2.png\tm 2\n", "l.tsv"
    )
    first = read_listing(table).rows[0]
    assert (first.file, first.model, first.prompt, first.seed) == ("a/1.png", "m", "a fox, red", 7)
    assert first.settings == {"steps": 20, "cfg": 7.5}
    for other in (jsonl, tsv):
        same = [(r.file, r.model, r.prompt, r.seed, dict(r.settings)) for r in read_listing(other).rows]
        assert same == [(r.file, r.model, r.prompt, r.seed, dict(r.settings)) for r in read_listing(table).rows]


def test_prompts_keep_their_lines_quotes_and_odd_characters(tmp_path: Path) -> None:
    prompt = 'two\nlines, "quoted"\u202e\u200b e\u0301'
    quoted = prompt.replace('"', '""')
    table = read_listing(written(tmp_path, f'\ufefffile,model,prompt\n1.png,m,"{quoted}"\n2.png,m,x\n'))
    assert table.rows[0].prompt == prompt
    assert table.rows[1].line == 4
    lines = read_listing(written(tmp_path, json.dumps({"file": "1.png", "model": "m", "prompt": prompt}), "l.jsonl"))
    assert lines.rows[0].prompt == prompt


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.csv", "name,model\n", "line 1: there is no column 'file'"),
        ("l.csv", "file,prompt\n1.png,x\n", "line 1: there is no column 'model'"),
        ("l.csv", "file,model\n1.png,m\n,m\n", "line 3: 'file' is missing"),
        ("l.csv", "file,model\n1.png\n", "line 2: 'model' is missing"),
        ("l.csv", "file,model,seed\n1.png,m,abc\n", "line 2: 'seed' is not a whole number: abc"),
        ("l.csv", "file,model\n1.png,m,extra\n", "line 2: more values than the 2 columns"),
        ("l.csv", 'file,model\n1.png,"m\n', "line 2: unexpected end of data"),
        ("l.csv", "file,model\n1.png,m\n./1.png,n\n", "line 3: the file './1.png' is listed on line 2 already"),
        ("l.csv", "", "line 1: there is no column 'file'"),
        ("l.csv", "file,model\n", "it has no rows"),
        ("l.jsonl", '{"file": "1.png", "model": "m"}\n{"file": \n', "line 2: this is not JSON"),
        ("l.jsonl", "[1]\n", "line 1: this is not a JSON object"),
        ("l.jsonl", "[" * 100_000, "line 1: this is not JSON"),
        ("l.jsonl", '{"file": 3, "model": "m"}', "line 1: 'file' is missing"),
        ("l.jsonl", '{"file": "1.png", "model": "m", "prompt": 3}', "line 1: 'prompt' is not text"),
        ("l.jsonl", '{"file": "1.png", "model": "m", "cfg": NaN}', "line 1: 'cfg' is neither text nor a number"),
        ("l.jsonl", '{"file": "1.png", "model": "m", "cfg": [1]}', "line 1: 'cfg' is neither text nor a number"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(PalateError) as caught:
        read_listing(written(tmp_path, text, name))
    assert caught.value.code == "listing_invalid"
    assert caught.value.message == said
    assert caught.value.about == str(tmp_path / name)


def test_a_file_that_is_missing_or_not_text_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="cannot be read") as caught:
        read_listing(tmp_path / "none.csv")
    assert caught.value.code == "listing_unreadable"
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PalateError, match="not UTF-8"):
        read_listing(tmp_path / "binary.csv")


def test_a_row_is_found_by_its_path_in_the_folder_its_whole_path_or_its_name() -> None:
    listing = Listing(
        [ListedPicture("a/1.png", "m", 2), ListedPicture("/home/p/out/b/2.png", "m", 3), ListedPicture("3.png", "m", 4)]
    )
    folder = "/home/p/out"

    def line(path: str) -> int | None:
        row = listing.row_for(folder, path)
        return row.line if row else None

    assert line("/home/p/out/a/1.png") == 2
    assert line("/home/p/out/1.png") is None
    assert line("/home/p/out/b/2.png") == 3
    assert line("/home/p/out/deep/below/3.png") == 4
    assert line("/home/p/out/4.png") is None


@given(st.text(max_size=200), st.sampled_from(["l.csv", "l.tsv", "l.jsonl"]))
def test_any_text_is_a_listing_or_a_named_error(tmp_path_factory: pytest.TempPathFactory, text: str, name: str) -> None:
    file = tmp_path_factory.getbasetemp() / name
    file.write_bytes(text.encode("utf-8", "replace"))
    try:
        assert len(read_listing(file)) > 0
    except PalateError as error:
        assert error.code == "listing_invalid"  # noqa: PT017
