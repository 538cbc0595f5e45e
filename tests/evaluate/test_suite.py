"""Scenarios as files, a budget, and what a suite leaves behind: nothing silent, nothing done twice."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from palate.cli.main import app
from palate.errors import PalateError
from palate.evaluate.budget import limit, planned, seconds_of
from palate.evaluate.intervals import bootstrap
from palate.evaluate.measures import ASPECTS, MEASURES, measure_of
from palate.evaluate.page import read_suite, write_page
from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification, named, scenario_in, shipped
from palate.evaluate.suite import Outcome, State, evaluate_all, felt, leaving_orderly, run_one, sizes_of, stopped

TEXT = """
import time
from pathlib import Path
from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size

def run(asked):
    counted = Path({counter!r})
    counted.write_text(counted.read_text() + "x" if counted.exists() else "x")
    {does}
    falls = bootstrap([0.0, 1.0] * asked.cases, seed=asked.seed)
    return Report({name!r}, {{"coin/accuracy": falls}}, asked.cases, 0, 0.0, left_out={{"dice": "<none> here"}})

SIZES = (Size(4, {each}), Size(8, 2 * {each}))
SCENARIO = Scenario({name!r}, ("accuracy",), "whether a coin falls", run, SIZES, {needs!r})
"""


SLEEPS = (
    "import subprocess, sys; "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "Path({pid!r}).write_text(str(child.pid)); child.wait()"
)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """How busy the machine is decides how much is planned, and no test."""
    monkeypatch.setattr("palate.evaluate.suite.slowness", lambda: 1.0)


def gone(pid: int) -> bool:
    """Whether a process has ended, though nobody may have asked how."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return said.strip()[:1] in ("", "Z")


def written(folder: Path, name: str, *, does: str = "pass", needs: tuple[str, ...] = (), each: float = 1.0) -> str:
    file = folder / f"{name}.py"
    file.write_text(TEXT.format(name=name, does=does, needs=needs, each=each, counter=str(folder / f"{name}.count")))
    return str(file)


def size_of(*seconds: float) -> tuple[Size, ...]:
    return tuple(Size(number + 1, one) for number, one in enumerate(seconds))


def scenario(name: str, *seconds: float) -> Scenario:
    return Scenario(name, (), "", lambda asked: Report(asked.scenario, {}, 0, 0, 0.0), size_of(*seconds))


def test_times_are_read_as_they_are_said() -> None:
    assert [seconds_of(said) for said in ("90s", "30m", "1h30m", "0.5h")] == [90, 1800, 5400, 1800]
    for said in ("", "30", "m", "30 m", "0s", "-3m", "3d"):
        with pytest.raises(PalateError):
            seconds_of(said)


def test_a_budget_makes_all_small_first_and_then_what_there_is_room_for() -> None:
    """100 s, of which 60 are planned with: 10 + 20 small, 20 more for a, and nothing of the 100 of b."""
    found = planned([scenario("a", 10, 30), scenario("b", 20, 120), scenario("c", 90)], 100)
    assert {name: size.seconds for name, size in found.items()} == {"a": 30, "b": 20}
    slow = planned([scenario("a", 10, 30), scenario("b", 20, 120), scenario("c", 90)], 100, slowness=10.0)
    assert {name: size.seconds for name, size in slow.items()} == {"a": 10, "b": 20}


def test_each_gets_what_the_others_can_spare() -> None:
    # b needs 30 of 100, so a may have four times its 10; of 40 twice what it needs; of 20 that and no more than is left
    # over: what it needs and half as much again.
    assert limit("a", 100, {"a": Size(1, 10), "b": Size(1, 30)}) == 40
    assert limit("a", 40, {"a": Size(1, 10), "b": Size(1, 30)}) == 20
    assert limit("a", 20, {"a": Size(1, 10), "b": Size(1, 30)}) == 15
    assert limit("b", 80, {"b": Size(1, 30)}) == 80
    # Eight times slower: twice the 80 seconds it needs there, not its quarter; half of what there is at most, or what
    # it needs and half as much again.
    assert limit("a", 400, {"a": Size(1, 10), "b": Size(1, 30)}, 8.0) == 160
    assert limit("a", 200, {"a": Size(1, 10), "b": Size(1, 30)}, 8.0) == 120
    assert limit("a", 100, {"a": Size(1, 10), "b": Size(1, 30)}, 8.0) == 100
    assert limit("a", 100, {"a": Size(1, 10), "b": Size(1, 30)}, 3.0) == 50
    assert limit("a", 400, {"a": Size(1, 10), "b": Size(1, 30)}, 3.0) == 120


def test_how_slow_the_machine_is_the_last_one_that_worked_says() -> None:
    def after(seconds: float, cpu: float, state: State = "done") -> float:
        return felt(Outcome("a", state, record={"cost": {"seconds": seconds, "cpu_s": cpu}}), 4.0)

    assert [after(30, 10), after(9, 10), after(30, 0.5), after(30, 10, "kept")] == [3.0, 1.0, 4.0, 4.0]
    assert felt(Outcome("a", "stopped"), 4.0) == 4.0
    assert limit("b", 100, {"b": Size(1, 30)}, 8.0) == 100


def test_what_was_planned_stays_planned_on_a_busier_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [written(tmp_path, "coin")]
    cases = []
    for slowness in (1.0, 100.0):
        monkeypatch.setattr("palate.evaluate.suite.slowness", lambda by=slowness: by)
        [found] = evaluate_all(names, tmp_path / "out", seconds=60.0, apart=False)
        cases.append((found.state, found.cases))
    assert cases == [("done", 8), ("kept", 8)]


def test_a_suite_runs_what_it_can_and_says_the_rest(tmp_path: Path) -> None:
    names = [
        written(tmp_path, "fine"),
        written(tmp_path, "broken", does="raise ValueError('no coin')"),
        written(tmp_path, "slow", does=SLEEPS.format(pid=str(tmp_path / "pid")), each=0.4),
        written(tmp_path, "lacking", needs=("coins/gold.csv",)),
        written(tmp_path, "homeless", needs=("hub",)),
    ]
    out = tmp_path / "out"
    found = {one.scenario: one for one in evaluate_all(names, out, seconds=60.0)}
    assert {name: one.state for name, one in found.items()} == {
        "fine": "done", "broken": "failed", "slow": "stopped", "lacking": "left out", "homeless": "left out",
    }  # fmt: skip
    assert found["broken"].why == "ValueError: no coin"
    assert found["lacking"].why == "needs the data set coins/gold.csv (--data-dir DIR)"
    assert (found["fine"].cases, found["fine"].of) == (8, 8)
    assert gone(int((tmp_path / "pid").read_text())), "what a scenario starts ends with it"
    record = json.loads((out / "fine" / "run.json").read_text())
    assert record["specification"]["cases"] == 8
    assert {"machine", "versions", "commit", "cost"} <= set(record)
    assert record["cost"]["peak_mb"] > 10
    suite = read_suite(out)
    assert [row["state"] for row in suite["scenarios"]] == ["done", "failed", "stopped", "left out", "left out"]


def test_what_is_not_at_hand_is_no_failure(tmp_path: Path) -> None:
    lacking = "from palate.errors import PalateError; raise PalateError('no_coin', 'there is no coin here')"
    [found] = evaluate_all([written(tmp_path, "poor", does=lacking)], tmp_path / "out", seconds=60.0, apart=False)
    assert (found.state, found.why) == ("left out", "there is no coin here")


def test_numbers_that_were_written_before_the_end_count(tmp_path: Path) -> None:
    asked, one = Specification("coin", 4, out=tmp_path), scenario("coin", 1.0)
    assert stopped(one, asked, 3.0).summary is None
    Report("coin", {"coin/accuracy": bootstrap([0.5])}, 1, 0, 0.0).write(tmp_path)
    found = stopped(one, asked, 3.0)
    assert found.state == "stopped"
    assert "what was measured by then is here" in found.why
    assert found.as_json()["metrics"] == 1


def test_a_suite_that_is_told_to_end_exits_so_that_what_it_started_can_be_ended() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as left, leaving_orderly():
        signal.raise_signal(signal.SIGTERM)
    assert left.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_time_counts_from_when_it_was_asked(tmp_path: Path) -> None:
    names = [written(tmp_path, "coin")]
    [found] = evaluate_all(names, tmp_path / "out", seconds=60.0, began=time.monotonic() - 59.0)
    assert (found.state, found.why) == ("left out", "no time was left for it")


def test_what_is_there_is_kept_and_another_specification_is_not(tmp_path: Path) -> None:
    names, out = [written(tmp_path, "coin")], tmp_path / "out"
    states = [evaluate_all(names, out, seconds=60.0, seed=seed, apart=False)[0].state for seed in (0, 0, 1, 1)]
    assert states == ["done", "kept", "done", "kept"]
    (out / "coin" / "summary.json").write_text("{")
    assert evaluate_all(names, out, seconds=60.0, seed=1, apart=False)[0].state == "done"
    assert (tmp_path / "coin.count").read_text() == "xxx"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br", "circle", "line", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_fetches_nothing_and_escapes_what_it_says(tmp_path: Path) -> None:
    names, out = [written(tmp_path, "coin"), written(tmp_path, "lacking", needs=("hub",))], tmp_path / "out"
    found = evaluate_all(names, out, seconds=60.0, apart=False)
    (out / "coin" / "pictures").mkdir()
    (out / "coin" / "pictures" / "one.png").write_bytes(b"not really")
    write_page(out / "report.html", read_suite(out), found, {one.name: one for one in map(named, names)})
    page = (out / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert all(link.startswith(("#", "data:")) for link in tags.links)
    assert "http" not in page
    assert "&lt;none&gt; here" in page
    assert "needs a hub" in page
    assert "8 of 8" in page
    assert "prefers-color-scheme: dark" in page
    assert "data:image/png;base64," in page


def test_the_command_runs_a_file_of_ones_own(tmp_path: Path) -> None:
    file = written(tmp_path, "mine")
    asked = ["evaluate", "all", "--only", file, "--budget", "1m", "--out", str(tmp_path / "out"), "--json"]
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.output)
    assert [(row["scenario"], row["state"], row["cases"]) for row in said["scenarios"]] == [("mine", "done", 8)]
    assert Path(said["report"]).is_file()


def test_scenarios_that_ship_have_names_of_their_own_and_sizes_that_grow() -> None:
    found = shipped()
    assert len(found) >= 6
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert set(one.aspects) <= set(ASPECTS), one.name
        assert [size.cases for size in one.sizes] == sorted({size.cases for size in one.sizes}), one.name
        assert [size.seconds for size in one.sizes] == sorted(size.seconds for size in one.sizes), one.name
        assert one.run is not None
    listed = CliRunner().invoke(app, ["evaluate", "list", "--json"])
    assert {row["scenario"] for row in json.loads(listed.output)["scenarios"]} == {one.name for one in found}


def test_measures_are_of_known_aspects_and_found_by_their_base_name() -> None:
    assert {one.aspect for one in MEASURES.values()} <= set(ASPECTS)
    found = measure_of("ease/ndcg@10", {})
    assert found is not None
    assert (found.aspect, found.better) == ("accuracy", "higher")
    assert measure_of("ease/nothing-known", {}) is None


def test_what_is_no_scenario_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    for name in ("nothing", "no.such.module", str(tmp_path / "gone.py"), str(tmp_path / "empty.py"), "json"):
        with pytest.raises(PalateError, match=r"scenario|SCENARIO|module"):
            named(name) if name != "json" else scenario_in(name)
    with pytest.raises(PalateError, match="needs a hub"):
        run_one(written(tmp_path, "homeless", needs=("hub",)), Specification("homeless", 4))


def test_a_number_of_cases_is_the_next_size() -> None:
    one = scenario("a", 1, 2, 3)
    assert [sizes_of(one, cases).cases for cases in (None, 1, 2, 99)] == [1, 1, 2, 3]


def test_an_outcome_without_numbers_has_no_metrics() -> None:
    assert Outcome("a", "left out", "no data").as_json()["metrics"] == 0
