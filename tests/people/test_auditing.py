"""The audit log: what is written stays, and what was changed shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palate.people.auditing import FILE, Audit, Entry


def written(folder: Path, count: int = 4) -> Audit:
    audit = Audit(folder)
    for number in range(count):
        audit.add(Entry(float(number), "me", "GET /api/v1/people", 200, f"r{number}"))
    return audit


def test_entries_are_told_latest_first_and_bound_to_one_another(tmp_path: Path) -> None:
    entries, total, whole = written(tmp_path).read(0, 2)
    assert [entry.request for entry in entries] == ["r3", "r2"]
    assert (total, whole) == (4, True)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_another_run_goes_on_with_the_chain(tmp_path: Path) -> None:
    written(tmp_path)
    assert written(tmp_path).read(0, 1)[1:] == (8, True)


@pytest.mark.parametrize("harm", ["changed", "taken out", "unreadable"])
def test_a_line_that_was_tampered_with_shows(tmp_path: Path, harm: str) -> None:
    written(tmp_path)
    path = tmp_path / FILE
    lines = path.read_text().splitlines()
    if harm == "changed":
        lines[1] = json.dumps({**json.loads(lines[1]), "person": "somebody else"})
    elif harm == "taken out":
        del lines[1]
    else:
        lines[1] = "{"
    path.write_text("\n".join(lines) + "\n")
    entries, _, whole = Audit(tmp_path).read(0, 10)
    assert whole is False
    assert (Entry(0.0, None, "unreadable", 0, "") in entries) is (harm == "unreadable")


def test_a_home_where_nothing_happened_has_an_empty_log(tmp_path: Path) -> None:
    assert Audit(tmp_path).read(0, 10) == ([], 0, True)


def test_pages_are_cut_from_the_latest_on(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for number in range(5):
        audit.add(Entry(float(number), None, "GET /", 200, f"r{number}"))
    for offset, limit, wanted in ((0, 2, ["r4", "r3"]), (2, 2, ["r2", "r1"]), (4, 9, ["r0"]), (5, 1, [])):
        page, total, whole = audit.read(offset, limit)
        assert ([entry.request for entry in page], total, whole) == (wanted, 5, True)
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_keeps_nobody_from_anything(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "nowhere")
    audit.add(Entry(1.0, None, "GET /", 200, "r"))
    assert audit.read(0, 9) == ([], 0, True)
