"""Every command of `palate` once, for people and for programs; its help, its errors, and how fast it starts."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main

from palate.catalogue import models as model_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Model
from palate.cli import main
from palate.generators.protocol import Order
from palate.testing.fakes import FakeEncoder, FakeGenerator
from palate.testing.outputs import png

GROUNDS = {"m-white": "white", "m-black": "black", "m-yellow": "yellow"}
MODELS = [
    Model(f"m-{ground}", ground.title(), "pipeline", f"fake://{ground}", base="SD15", downloads=count, tags=("plain",))
    for ground, count in (("white", 5), ("black", 50), ("yellow", 500))
]
PROMPTS = [f"a {colour} {shape}" for colour in ("red", "blue", "green") for shape in ("circle", "square", "triangle")]
Palate = Callable[..., "Said"]


class Said:
    """What a command answered: on the one channel the answer, on the other what is beside it."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


@pytest.fixture
def palate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Palate:
    """The command as a terminal runs it, with fakes for encoder and generators."""
    use_fakes(monkeypatch)

    def run(*argv: str | Path) -> Said:
        code = called(monkeypatch, *argv)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Said(code, captured.out, captured.err)

    return run


def use_fakes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: FakeEncoder())
    patch.setattr(
        "palate.specify.executors.generator_for",
        lambda model, *_: FakeGenerator(model.name, ground=GROUNDS[model.id]),
    )


def called(patch: pytest.MonkeyPatch, *argv: str | Path) -> int:
    patch.setattr(sys, "argv", ["palate", *map(str, argv)])
    try:
        main.run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a specified `home`, its `prompts.txt`, and an `example.png` on yellow ground."""
    folder = tmp_path_factory.mktemp("commands")
    home = Home.create(folder / "home")
    with home.write() as connection:
        model_rows.put(connection, MODELS)
    home.close()
    (folder / "prompts.txt").write_text("\n".join(PROMPTS) + "\n")
    FakeGenerator(ground="yellow").draw([Order("a red circle", 7)])[0].save(folder / "example.png")
    with pytest.MonkeyPatch.context() as patch:
        use_fakes(patch)
        patch.setenv("PALATE_HOME", str(folder / "home"))
        assert called(patch, "specify", "--prompts", folder / "prompts.txt", "-n", "2") == 0
        yield folder


def a_picture(palate: Palate) -> str:
    id = palate("show", "Yellow", "--json").json["examples"][0]
    assert isinstance(id, str)
    return id


def is_ranking(answer: Any, by: str) -> None:
    assert set(answer) <= {"by", "ranking", "took_ms", "warnings"}
    assert answer["by"] == by
    assert answer["took_ms"] >= 0
    assert answer["ranking"]
    for row in answer["ranking"]:
        assert set(row) == {"id", "name", "score", "reasons"}
        assert isinstance(row["score"], float)
    scores = [row["score"] for row in answer["ranking"]]
    assert scores == sorted(scores, reverse=True)


def is_evaluation(answer: Any, scenario: str) -> None:
    assert {"scenario", "metrics", "cases", "unscored", "took_s", "run"} <= set(answer)
    assert answer["scenario"] == scenario
    assert answer["metrics"]
    for name, metric in answer["metrics"].items():
        assert "/" in name
        assert set(metric) == {"value", "ci95", "n"}
        assert len(metric["ci95"]) == 2
    assert (answer["cases"] > 0, answer["took_s"] >= 0) == (True, True)


# ------------------------------------------------------------------------------------------------------------ keeping


def test_init_makes_a_home_and_makes_it_again(palate: Palate, tmp_path: Path) -> None:
    home = tmp_path / "new"
    assert palate("init", "--hub", home).out == f"home: {home}\n"
    assert palate("init", "--hub", home, "--json").json == {"home": str(home)}
    assert palate("models", "--hub", home, "--json").json == {"models": []}


def test_config_is_set_and_got(palate: Palate, tmp_path: Path) -> None:
    palate("init", "--hub", tmp_path)
    assert palate("config", "set", "steps", "12", "--hub", tmp_path).out == "steps: 12\n"
    assert palate("config", "set", "size", "64", "--hub", tmp_path, "--json").json == {"size": 64}
    assert palate("config", "get", "steps", "--hub", tmp_path, "--json").json == {"steps": 12}
    everything = palate("config", "get", "--hub", tmp_path).out
    assert all(name in everything for name in ("encoder", "captioner", "weight_popularity"))


def test_check_of_a_sound_home_is_clean_and_of_a_spoilt_one_says_what_to_do(
    palate: Palate, hub: Path, tmp_path: Path
) -> None:
    assert palate("check").out.endswith("clean\n")
    assert palate("check", "--json").json["clean"] is True
    home = tmp_path / "home"
    palate("init", "--hub", home)
    (home / "blobs" / "ab").mkdir()
    (home / "blobs" / "ab" / ("ab" * 16)).write_bytes(b"lost")
    told = palate("check", "--hub", home)
    assert told.code == 0
    assert ("note" in told.out, told.out.endswith("clean\n")) == (True, True)
    [fault] = palate("check", "--hub", home, "--json").json["faults"]
    assert set(fault) == {"severity", "about", "what", "mend"}
    assert (fault["severity"], fault["what"]) == ("note", "a blob that no picture speaks of")


# ----------------------------------------------------------------------------------------------------------- bringing


def test_add_pictures_tells_what_came_in_and_show_where_it_came_from(palate: Palate, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "outputs"
    folder.mkdir()
    (folder / "a.png").write_bytes(png({"parameters": "a fox\nSteps: 5, Seed: 3, Model: ink"}))
    palate("init", "--hub", home)
    added = palate("add", "pictures", folder, "--hub", home, "--json").json
    assert (added["added"], added["unknown"], added["refused"]) == (1, 1, [])
    assert palate("add", "pictures", folder, "--hub", home).out.startswith("0 pictures added, 1 unchanged")
    shown = palate("show", folder / "a.png", "--hub", home, "--json").json
    assert "a fox" in json.dumps(shown)


def test_a_watched_folder_is_looked_at_again_and_only_news_is_said(
    palate: Palate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, folder = tmp_path / "home", tmp_path / "outputs"
    folder.mkdir()
    (folder / "bad.png").write_bytes(b"not a picture")
    drawn = iter(["a fox", None, "an owl"])

    def wait(seconds: float) -> None:
        assert seconds == 2
        text = next(drawn, "stop")
        if text == "stop":
            raise KeyboardInterrupt
        if text is not None:
            (folder / f"{text}.png").write_bytes(png({"parameters": f"{text}\nSteps: 5, Seed: 3, Model: ink"}))

    monkeypatch.setattr("palate.cli.adding.time.sleep", wait)
    palate("init", "--hub", home)
    said = palate("add", "pictures", folder, "--hub", home, "--watch", "2")
    assert said.code == 130
    assert [line.split(",")[0] for line in said.out.splitlines()] == ["0 pictures added", *["1 pictures added"] * 2]


def test_add_models_of_a_folder_without_any_is_no_error(palate: Palate, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    palate("init", "--hub", tmp_path / "home")
    assert palate("add", "models", tmp_path / "models", "--hub", tmp_path / "home").out == "0 models added\n"
    added = palate("add", "models", tmp_path / "models", "--hub", tmp_path / "home", "--json").json
    assert (added["added"], added["refused"]) == (0, [])


# ------------------------------------------------------------------------------------------------------------ drawing


def test_draw_answers_its_pictures(palate: Palate, hub: Path, tmp_path: Path) -> None:
    drawn = palate("draw", "--model", "Black", "a red circle", "--seed", "4", "-n", "2", "--json").json["pictures"]
    assert [row["seed"] for row in drawn] == [4, 5]
    assert all(Path(row["file"]).is_file() for row in drawn)
    told = palate("draw", "-m", "Black", "a red circle", "--seed", "4", "--out", tmp_path / "out")
    assert (told.code, len(list((tmp_path / "out").iterdir()))) == (0, 1)


def test_specify_again_draws_nothing(palate: Palate, hub: Path) -> None:
    again = palate("specify", "--prompts", hub / "prompts.txt", "--json").json
    assert (again["drawn"], again["parked"], again["models"]) == (0, 0, 3)
    assert "drawn: 0" in palate("specify", "--prompts", hub / "prompts.txt", "--model", "White").out


# ------------------------------------------------------------------------------------------------------------- asking


def test_models_lists_what_is_here(palate: Palate, hub: Path) -> None:
    listed = palate("models", "--json").json["models"]
    assert {row["name"] for row in listed} == {"White", "Black", "Yellow"}
    assert {"id", "name", "kind", "base", "pictures", "downloads", "state"} <= set(listed[0])
    assert palate("models", "--base", "SDXL", "--json").json["models"] == []
    assert "Yellow" in palate("models", "--tag", "plain").out


def test_show_knows_models_and_pictures(palate: Palate, hub: Path) -> None:
    assert "SD15" in palate("show", "Yellow").out
    shown = palate("show", a_picture(palate), "--json").json
    assert "Yellow" in json.dumps(shown)


@pytest.mark.parametrize("by", ["gre", "clip", "mcos", "popularity"])
def test_find_by_words(palate: Palate, hub: Path, by: str) -> None:
    is_ranking(palate("find", "a blue square", "--by", by, "--json").json, by)
    told = palate("find", "a blue square", "--by", by, "--top", "1")
    assert told.code == 0
    assert sum(name in told.out for name in ("White", "Black", "Yellow")) == 1


def test_find_by_everything_at_once(palate: Palate, hub: Path) -> None:
    palate("choose", a_picture(palate), "--person", "ada")
    answer = palate(
        "find", "a red circle", "--picture", hub / "example.png", "--person", "ada", "--base", "SD15", "--tag", "plain",
        "--safe", "any", "--weights", "1,.8,.2", "--top", "2", "--json",
    ).json  # fmt: skip
    assert answer["ranking"][0]["name"] == "Yellow"
    assert all(set(reason) == {"text", "worth"} or "text" in reason for reason in answer["ranking"][0]["reasons"])
    assert len(answer["ranking"]) == 2


@pytest.mark.parametrize("by", ["style", "pmi", "mms", "rkme", "popularity"])
def test_identify(palate: Palate, hub: Path, by: str) -> None:
    answer = palate("identify", hub / "example.png", "--by", by, "--caption", "a red circle", "--json").json
    is_ranking(answer, by)
    if by != "pmi":  # which weighs words too, and three models are few to tell a ground by
        assert answer["ranking"][0]["name"] == "Yellow"  # also the most popular
    assert "Yellow" in palate("identify", hub / "example.png", "--by", by, "--caption", "a red circle").out


def test_similar(palate: Palate, hub: Path) -> None:
    answer = palate("similar", hub / "example.png", "--top", "2", "--json").json
    assert [row["name"] for row in answer["ranking"]] == ["Yellow"] * 2  # it drew these words twice
    assert "Yellow" in palate("similar", a_picture(palate)).out


def test_choose_records_a_choice(palate: Palate, hub: Path) -> None:
    id = a_picture(palate)
    assert palate("choose", id, "--as", "dislike", "--person", "bob").out == f"bob: dislike {id}\n"
    assert palate("choose", id, "--json").json == {"person": "me", "kind": "like", "picture": id}
    two = palate("show", "Black", "--json").json["examples"][:2]
    assert palate("choose", *two, "--as", "battle", "--json").json["winner"] == two[0]
    assert palate("choose", *two, "--as", "sort").out == f"me: sort {two[0]} {two[1]}\n"
    assert palate("choose", id, "--as", "rate", "--value", "4", "--json").json["value"] == 4


def test_weights_learn(palate: Palate, hub: Path, tmp_path: Path) -> None:
    selected = tmp_path / "selected.txt"
    shown = [palate("show", name, "--json").json["examples"] for name in ("Black", "Yellow")]
    selected.write_text("\n".join(id for examples in shown for id in examples[:3]) + "\n")
    learned = palate("weights", "learn", "--selected", selected, "--json").json
    assert {"weight_clip", "weight_mcos", "weight_popularity"} <= set(learned)
    assert "weight_mcos" in palate("weights", "learn", "--selected", selected, "--by", "greedy").out


# ---------------------------------------------------------------------------------------------- exporting, evaluating


def test_an_exported_hub_is_a_data_set_that_can_be_added(palate: Palate, hub: Path, tmp_path: Path) -> None:
    told = palate("export", "dataset", "gemrec", tmp_path / "out", "--json").json
    assert isinstance(told, dict)
    assert palate("export", "dataset", "gemrec", tmp_path / "again").code == 0
    palate("init", "--hub", tmp_path / "home")
    added = palate("add", "dataset", "gemrec", tmp_path / "out", "--hub", tmp_path / "home", "--json").json
    assert (added["what"], added["refused"]) == ("pictures", [])
    assert added["added"] >= 3 * len(PROMPTS)


def test_evaluate_identification(palate: Palate, hub: Path, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.txt"
    tasks.write_text("a yellow circle\na black square\n")
    asked = ("evaluate", "identification", "--seeds", "1", "--prompts", hub / "prompts.txt", "--tasks", tasks)
    is_evaluation(palate(*asked, "--json").json, "identification")
    assert "95 % interval" in palate(*asked).out


def write_gemrec(folder: Path, models: int = 8, prompts: int = 16) -> Path:
    """Features in which each model has a direction of its own."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    roster = [
        {
            "tag": "style", "model_name": f"m{number}", "model_id": number, "modelVersion_name": "v1",
            "modelVersion_id": number, "modelVersion_url": "", "modelVersion_trainedWords": "['']",
            "model_download_count": 10 * number, "baseModel": "SD 1.5",
        }
        for number in range(1, models + 1)
    ]  # fmt: skip
    asked = [
        {
            "prompt_id": number, "tag": ("food", "animal")[number % 2], "size": "512x512", "seed": number,
            "prompt": f"dish {number}", "negativePrompt": "", "sampler": "Euler a", "cfgScale": 7, "note": "",
        }
        for number in range(1, prompts + 1)
    ]  # fmt: skip
    for name, rows in (("roster.csv", roster), ("promptset_v6.csv", asked)):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    words = rng.normal(size=(prompts, 12))
    images = words[:, None] + rng.normal(size=(1, models, 12)) + 0.3 * rng.normal(size=(prompts, models, 12))
    np.savez(
        folder / "features.npz",
        images=images.astype(np.float32),
        prompts=words.astype(np.float32),
        model_version_ids=np.arange(1, models + 1),
        prompt_ids=np.arange(1, prompts + 1),
    )
    return folder


def test_evaluate_gemrec_leaves_a_run_of_plain_files(palate: Palate, tmp_path: Path) -> None:
    data = write_gemrec(tmp_path / "data")
    answer = palate("evaluate", "gemrec", "--data", data, "--out", tmp_path / "run", "--json").json
    is_evaluation(answer, "gemrec")
    assert {"style/top1@1", "pmi/top1@1", "rkme/rank@1", "find/spearman"} <= set(answer["metrics"])
    assert answer["run"] == str(tmp_path / "run")
    assert list((tmp_path / "run").iterdir())


def test_add_dataset(palate: Palate, tmp_path: Path) -> None:
    data = write_gemrec(tmp_path / "data", 3, 4)
    palate("init", "--hub", tmp_path / "home")
    assert palate("add", "dataset", "gemrec", data, "--hub", tmp_path / "home").out == "12 pictures added\n"
    assert len(palate("models", "--hub", tmp_path / "home", "--json").json["models"]) == 3


# --------------------------------------------------------------------------------------------------------------- help


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group below one."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


ALL = dict(commands(typer.main.get_command(main.app)))


def test_there_are_as_many_commands_as_the_guide_speaks_of() -> None:
    leaves = {" ".join(path) for path, command in ALL.items() if not hasattr(command, "commands")}
    assert leaves >= {
        "init", "add models", "add pictures", "add dataset", "models", "show", "draw", "specify", "find", "identify",
        "similar", "choose", "weights learn", "evaluate gemrec", "evaluate identification", "export dataset",
        "config get", "config set", "check",
    }  # fmt: skip


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_says_what_it_does_and_names_every_option(palate: Palate, path: tuple[str, ...]) -> None:
    told = palate(*path, "--help")
    assert told.code == 0
    command = ALL[path]
    assert command.help
    assert command.help.split()[0] in told.out
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        for name in parameter.opts if parameter.param_type_name == "option" else ():
            assert name in told.out, name
        if parameter.name not in ("install_completion", "show_completion"):
            assert getattr(parameter, "help", None), f"{parameter.name} says nothing"


def test_answers_are_for_programs_too(palate: Palate) -> None:
    without = {
        " ".join(path)
        for path, command in ALL.items()
        if path and not hasattr(command, "commands") and "--json" not in {opt for p in command.params for opt in p.opts}
    }
    assert without == {"serve", "mcp"}  # all that these two answer is for programs


HEAVY = ("torch", "numpy", "transformers", "diffusers", "sqlalchemy", "scipy", "PIL", "rich", "palate.studio")


def test_help_is_quick_and_imports_nothing_heavy(tmp_path: Path) -> None:
    script = """
import resource, sys
from palate.cli import main
sys.argv = ["palate", "--help"]
try:
    main.run()
except SystemExit:
    pass
used = resource.getrusage(resource.RUSAGE_SELF)
print("seconds", used.ru_utime + used.ru_stime)
print("modules", *sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    seconds = float(re.search(r"^seconds (.+)$", told, re.M).group(1))  # type: ignore[union-attr]
    modules = re.search(r"^modules (.+)$", told, re.M).group(1).split()  # type: ignore[union-attr]
    assert [name for name in HEAVY if name in modules] == []
    assert seconds < 0.5


# ------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "argv",
    [
        ("nonsense",),
        ("find", "--nonsense"),
        ("draw",),
        ("draw", "a fox"),
        ("find", "a", "--top", "0"),
        ("find", "a", "--top", "many"),
        ("config", "set", "steps"),
        ("add",),
        ("specify", "-n", "-1"),
    ],
)
def test_what_is_no_command_ends_with_2(palate: Palate, hub: Path, argv: tuple[str, ...]) -> None:
    told = palate(*argv)
    assert (told.code, "palate" in told.err + told.out) == (2, True)


ERRORS: dict[str, tuple[str, ...]] = {
    "no_home": ("models", "--hub", "/nowhere"),
    "unknown_model": ("draw", "--model", "nobody", "a fox"),
    "empty_prompt": ("draw", "--model", "White", " "),
    "unknown_setting": ("config", "get", "colour"),
    "wrong_setting": ("config", "set", "steps", "many"),
    "wrong_setting ": ("config", "set", "device", "abacus"),
    "prompts_unreadable": ("specify", "--prompts", "/nowhere.txt"),
    "unknown_executor": ("specify", "--executor", "cloud"),
    "folder_missing": ("add", "pictures", "/nowhere"),
    "no_source": ("add", "models", "/nowhere"),
    "unknown_dataset": ("add", "dataset", "mnist", "/nowhere"),
    "unknown_form": ("export", "dataset", "mnist", "/nowhere"),
}


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_is_one_line_and_json_where_it_was_asked_for(palate: Palate, hub: Path, code: str) -> None:
    plain = palate(*ERRORS[code])
    assert (plain.code, plain.out) == (1, "")
    assert re.fullmatch(r"palate: [^\n]+\n", plain.err), plain.err
    told = palate(*ERRORS[code], "--json")
    assert told.code == 1
    assert set(told.json["error"]) == {"code", "message", "about", "hint"}
    assert told.json["error"]["code"] == code.strip()


@pytest.mark.parametrize(
    "argv",
    [
        ("show", "nothing like it"),
        ("find",),
        ("find", "a fox", "--by", "magic"),
        ("find", "a fox", "--weights", "1,2"),
        ("find", "a fox", "--weights", "nan,1,1"),
        ("find", "a fox", "--safe", "maybe"),
        ("find", "a fox", "--base", "none such"),
        ("find", "a fox", "--person", "nobody"),
        ("find", "--picture", "/nowhere.png"),
        ("identify", "/nowhere.png"),
        ("identify", "/etc/passwd"),
        ("identify", "/etc/passwd", "--by", "magic"),
        ("similar", "/nowhere.png"),
        ("choose", "nothing"),
        ("choose", "nothing", "--as", "adore"),
        ("train", "steering", "--preferences", "nothing.json", "--form", "odd"),
        ("train", "steering", "--preferences", "nothing.json", "--form", "mapped", "--fields", "one,two"),
        ("weights", "learn", "--selected", "/nowhere.txt"),
        ("evaluate", "gemrec", "--data", "/nowhere"),
        ("evaluate", "identification", "--tasks", "/nowhere"),
        ("export", "dataset", "gemrec", "/proc/nowhere"),
        ("init", "--hub", "/proc/nowhere"),
        ("draw", "-m", "White", "a red circle", "--out", "/proc/nowhere"),
        ("find", "a\ud800fox", "--base", "\udcff"),
    ],
    ids=" ".join,
)
def test_nothing_a_person_types_gives_a_stack_trace(palate: Palate, hub: Path, argv: tuple[str, ...]) -> None:
    for more in ((), ("--json",)):
        told = palate(*argv, *more)
        assert told.code in (0, 1)
        assert told.code == 0 or re.fullmatch(r"palate: [^\n]+\n", told.err), told.err
