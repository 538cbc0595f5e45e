"""`palate demo`: three questions on the pocket hub, in the terminal and on a page."""

import json
import sys
from pathlib import Path

import palate_pocket as pocket
import pytest

from palate.cli import demo, main, page
from palate.errors import PalateError
from palate.safety.pictures import looks_degenerate


def test_a_page_holds_its_pictures_and_escapes_what_it_says(tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    demo.own_icon().save(picture)
    rows = [page.Row("1. <b>bold</b>", "because & why", (picture,))]
    page.write(tmp_path / "page.html", "A page", [page.Section("<i>", "text", (picture,), rows)])
    text = (tmp_path / "page.html").read_text("utf-8")
    assert text.count("data:image/png;base64,") == 2
    assert "<b>" not in text
    assert "&lt;b&gt;bold" in text
    assert "because &amp; why" in text


def test_the_icon_of_ours_is_a_picture() -> None:
    icon = demo.own_icon()
    assert icon.size == (64, 64)
    assert looks_degenerate(icon) is None


def test_it_asks_steers_and_writes_it_on_a_page(
    pocket_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PALATE_POCKET_HOME", str(tmp_path / "home"))
    demo.demo(serve=True)  # no terminal, so nothing is served
    said = capsys.readouterr().out
    assert "4 models draw here, each specified by 8 pictures" in said
    assert said.count("$ palate ") == 5
    assert said.count("turn ") >= demo.TURNS
    text = (tmp_path / "home" / "demo" / "report.html").read_text("utf-8")
    new = int("janus" in pocket.kinds())  # a neighbour may have shipped one into the same package
    assert text.count("<h3>") == 9 + demo.TURNS + new
    assert text.count("<img") == (10 + new) * demo.PICTURES + 2 + demo.TURNS
    demo.demo(serve=False, out=tmp_path / "again.html", json=True)
    answer = json.loads(capsys.readouterr().out)
    assert answer["models"] == 4
    assert len(answer["identify"]["ranking"]) == 3
    assert len(answer["steered"]) == demo.TURNS
    assert all(turn["worth"] == turn["columns"][turn["column"] - 1] for turn in answer["steered"])
    assert (tmp_path / "again.html").is_file()


def test_a_build_without_drawing_models_is_told_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PALATE_POCKET_WEIGHTS", str(tmp_path))
    with pytest.raises(PalateError, match="no pocket drawing models"):
        demo.demo(serve=False)
    monkeypatch.setattr(sys, "argv", ["palate", "demo", "--no-serve"])
    with pytest.raises(SystemExit) as end:
        main.run()
    assert end.value.code == PalateError.exit_code
    [line] = capsys.readouterr().err.splitlines()
    assert "no pocket drawing models" in line
