"""README's examples are run as they stand, in order, in a small world of their own."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner

from palate.cli.main import app
from palate.testing.shapes import draw_shape
from palate.testing.worlds import build_tiny_clip, build_tiny_loras, build_tiny_pipeline

README = (Path(__file__).parents[2] / "README.md").read_text()
LORAS = {"ink": "black", "neon": "white"}
THINGS = [(colour, shape) for colour in ("red", "blue", "green") for shape in ("circle", "square")]


class Example(NamedTuple):
    """One `$ palate ...` line, and what README shows of its answer."""

    arguments: tuple[str, ...]
    shown: tuple[str, ...]


def examples(text: str) -> list[Example]:
    found: list[Example] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            program, *arguments = shlex.split(command)
            assert program == "palate", command
            found.append(Example(tuple(arguments), tuple(line for line in shown if line.strip(" .") != "")))
    return found


def answers(shown: str, line: str) -> bool:
    """Whether a line of the answer is the one shown; `...` stands for anything, and spaces for any spaces."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in shown.split("...")]
    return re.fullmatch(r"\s*" + r".*".join(rf"\s*{part}\s*" for part in parts) + r"\s*", line) is not None


def outputs(folder: Path) -> None:
    """What A1111 leaves behind: each LoRA draws on a ground of its own."""
    folder.mkdir()
    for name, ground in LORAS.items():
        for seed, (colour, shape) in enumerate(THINGS):
            said = PngInfo()
            said.add_text(
                "parameters",
                f"a {colour} {shape} <lora:{name}:0.8>\n"
                f"Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, Size: 64x64, Model: meadow",
            )
            draw_shape(shape, colour, ground=ground).save(folder / f"{name}-{seed}.png", pnginfo=said)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders that README speaks of. A folder named like a hub id is opened in its place: nothing is downloaded."""
    folder = tmp_path_factory.mktemp("readme")
    build_tiny_clip(folder / "openai" / "clip-vit-large-patch14")
    pipeline = build_tiny_pipeline(folder / "models" / "meadow")
    for name, file in zip(LORAS, build_tiny_loras(folder / "scratch", pipeline, len(LORAS)), strict=True):
        file.rename(folder / "models" / f"{name}.safetensors")
        (folder / "models" / f"{name}.civitai.info").write_text(json.dumps({"model": {"tags": ["style"]}}))
    outputs(folder / "outputs")
    (folder / "prompts.txt").write_text("a red circle\na blue square\na green triangle\n")
    draw_shape("cross", "green", ground="black").save(folder / "example.png")
    return folder


def test_the_examples_run_and_answer_what_is_shown(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world)
    monkeypatch.setenv("PALATE_HOME", str(world / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    run = examples(README)
    assert len(run) >= 12
    for example in run:
        answer = CliRunner().invoke(app, list(example.arguments))
        assert answer.exit_code == 0, (example.arguments, answer.output, answer.exception)
        lines = iter(answer.output.splitlines())
        for shown in example.shown:
            assert any(answers(shown, line) for line in lines), (example.arguments, shown, answer.output)


def test_readme_has_its_five_examples_and_two_commands() -> None:
    assert len(re.findall(r"^```console", README, re.MULTILINE)) == 5
    assert "make run" in README
    assert "make test" in README


def test_dots_stand_for_anything_and_words_for_themselves() -> None:
    assert answers("by gre, ... ms", "by gre, 31 ms")
    assert answers("1  ink ...", "1  ink     0.06   d5570d725413")
    assert not answers("1  ink ...", "2  ink     0.06   d5570d725413")
    assert not answers("3 models added", "13 models added")
