"""Killed with SIGKILL again and again, a job ends with what an undisturbed run ends with: none lost, none doubled."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from palate.testing.killing import DEADLINE, Warm, alive, blobs, kill_once, wait_until, what_it_holds

KILLS = {"few": 6, "many": int(os.environ.get("PALATE_KILLS", "50"))}
"""`benchmarks/kills.py` counts as many as one has time for."""
PICTURES = {"few": 24, "many": max(160, 4 * KILLS["many"])}
MODELS = 4


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Commands with real encoders and generators."""
    warm = Warm(tmp_path_factory.mktemp("warm") / "log")
    yield warm
    warm.close()


def prompts(tiny_hub: Path, how_many: str) -> Path:
    file = tiny_hub / f"{how_many}.txt"
    words = ["red circle", "blue square", "green triangle", "yellow circle"]
    file.write_text("".join(f"a {words[n % 4]} {n}\n" for n in range(PICTURES[how_many] // MODELS)))
    return file


@pytest.fixture(scope="module")
def undisturbed(warm: Warm, tiny_hub: Path) -> Callable[[str], dict[str, Any]]:
    """What a home holds after a run that nothing happened to."""
    known: dict[str, dict[str, Any]] = {}

    def run(how_many: str) -> dict[str, Any]:
        if how_many not in known:
            home = tiny_hub / f"undisturbed-{how_many}"
            shutil.copytree(tiny_hub / "home", home)
            assert warm.run(*specify(home, prompts(tiny_hub, how_many))) == 0, warm.said
            known[how_many] = what_it_holds(home)
            assert len(known[how_many]["drawn"]) == PICTURES[how_many]
            assert set(known[how_many]["states"].values()) == {"done"}
        return known[how_many]

    return run


def specify(home: Path, prompts: Path, *more: str) -> list[str]:
    return ["specify", "--hub", str(home), "--prompts", str(prompts), *more]


@pytest.mark.parametrize("how_many", ["few", pytest.param("many", marks=pytest.mark.long)])
def test_killed_at_random_times(
    warm: Warm, tiny_hub: Path, undisturbed: Callable[[str], dict[str, Any]], tmp_path: Path, how_many: str
) -> None:
    wanted, home = undisturbed(how_many), tmp_path / "home"
    shutil.copytree(tiny_hub / "home", home)
    command = specify(home, prompts(tiny_hub, how_many))
    chance, kills, before = random.Random(7), 0, 0
    while kills < KILLS[how_many]:
        status = kill_once(warm, command, home, chance)
        if status == 0:  # on a slow machine more is drawn between two kills: this home is done, and another begins
            assert kills > before, "nothing was killed in this home"
            assert what_it_holds(home) == wanted
            home, before = tmp_path / f"home-{kills}", kills
            shutil.copytree(tiny_hub / "home", home)
            command = specify(home, prompts(tiny_hub, how_many))
            continue
        assert status == -signal.SIGKILL, f"after {kills} kills: {status} {warm.said}"
        kills += 1
    assert warm.run(*command) == 0, warm.said
    assert what_it_holds(home) == wanted
    assert warm.run("check", "--hub", str(home)) == 0
    assert warm.said == "clean\n"


def interrupted(command: list[str], home: Path) -> tuple[int, str, str]:
    """Ctrl-C once the first picture is kept: how it ended, and what it printed and said."""
    with subprocess.Popen(
        [sys.executable, "-m", "palate.cli.main", *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background lets them ignore Ctrl-C, and what they start would as well.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        wait_until(lambda: blobs(home) > 0 or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=DEADLINE)
        return process.returncode, said, told


def test_ctrl_c_ends_with_130_and_one_line_and_the_next_run_goes_on(
    warm: Warm, tiny_hub: Path, undisturbed: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    wanted, home = undisturbed("few"), tmp_path / "home"
    shutil.copytree(tiny_hub / "home", home)
    command = specify(home, prompts(tiny_hub, "few"))
    assert interrupted(command, home) == (130, "", "stopped; run the same command again to go on\n")
    assert warm.run(*command) == 0, warm.said
    assert what_it_holds(home) == wanted


def children(pid: int) -> list[int]:
    """Processes that draw for this one."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def test_a_pool_draws_the_same_pictures_though_a_worker_is_killed(
    warm: Warm, tiny_hub: Path, undisturbed: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    wanted, home = undisturbed("few"), tmp_path / "home"
    shutil.copytree(tiny_hub / "home", home)
    command = specify(home, prompts(tiny_hub, "few"), "--executor", "pool", "--workers", "2")
    pid = warm.start(*command)
    wait_until(lambda: blobs(home) > 0 or not alive(pid))
    os.kill(children(pid)[-1], signal.SIGKILL)
    assert warm.end() == 0, warm.said
    assert what_it_holds(home) == wanted


def test_the_workers_of_a_killed_pool_do_not_stay(warm: Warm, tiny_hub: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(tiny_hub / "home", home)
    pid = warm.start(*specify(home, prompts(tiny_hub, "few"), "--executor", "pool", "--workers", "2"))
    wait_until(lambda: len(children(pid)) == 2)
    workers = children(pid)
    os.kill(pid, signal.SIGKILL)
    assert warm.end() == -signal.SIGKILL
    wait_until(lambda: not any(map(alive, workers)))
