"""The guide's scenario and metric run as they stand, each in fewer than 60 lines."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from palate.cli.main import app
from palate.evaluate.scenario import shipped

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "evaluating.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_a_scenario_is_one_short_file_that_runs(tmp_path: Path) -> None:
    [text] = [block for block in BLOCKS if "SCENARIO = " in block]
    assert len(text.splitlines()) < 60
    (tmp_path / "coin.py").write_text(text)
    asked = ["evaluate", "all", "--only", str(tmp_path / "coin.py"), "--budget", "2m", "--out", str(tmp_path / "run")]
    answer = CliRunner().invoke(app, [*asked, "--json"])
    assert answer.exit_code == 0, answer.output
    said = json.loads((tmp_path / "run" / "coin" / "summary.json").read_text())
    low, high = said["metrics"]["coin/heads"]["ci95"]
    assert low < 0.5 < high
    assert "a share of throws" in (tmp_path / "run" / "report.html").read_text()


def test_a_metric_is_one_short_function_with_its_answer(tmp_path: Path) -> None:
    [text] = [block for block in BLOCKS if "evenness" in block]
    assert len(text.splitlines()) < 60
    (tmp_path / "evenness.py").write_text(text)
    subprocess.run([sys.executable, str(tmp_path / "evenness.py")], check=True, timeout=60)


def test_the_guide_names_every_scenario_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", GUIDE, re.MULTILINE)) == {one.name for one in shipped()}
