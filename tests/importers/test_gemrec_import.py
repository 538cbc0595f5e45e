"""A GEMRec folder of two models and three prompts, whole and broken; and the real one where it is at hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.errors import PalateError
from palate.importers.gemrec import read_gemrec

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "gemrec"

ROSTER: list[dict[str, Any]] = [
    {
        "tag": "anime|style|anime",
        "model_name": "Hanfu",
        "model_id": 7,
        "modelVersion_name": "v1.0",
        "modelVersion_id": 70,
        "modelVersion_url": "https://example.org/70",
        "modelVersion_trainedWords": "['hanfu', ' silk ']",
        "model_download_count": 1200,
        "baseModel": "SD 1.5",
    },
    {
        "tag": "",
        "model_name": "Bare",
        "model_id": 8,
        "modelVersion_name": "Bare",
        "modelVersion_id": 80,
        "modelVersion_url": "",
        "modelVersion_trainedWords": "['']",
        "model_download_count": "",
        "baseModel": "Other",
    },
]
PROMPTS: list[dict[str, Any]] = [
    {
        "prompt_id": number,
        "tag": "food",
        "size": "768x512",
        "seed": seed,
        "prompt": text,
        "negativePrompt": " ",
        "sampler": "Eular a",
        "cfgScale": 7,
        "note": note,
    }
    for number, seed, text, note in [
        (1, 9286102128, "a bowl of ramen", "original"),
        (2, 9286102128, "Detailed masterpiece of a bowl of ramen", "extended"),
        (3, 5, "milk, pouring", ""),
    ]
]


def write_csv(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_features(file: Path, **changes: Any) -> None:
    rng = np.random.default_rng(0)
    arrays: Mapping[str, Any] = {
        "images": rng.normal(size=(3, 2, 4)).astype(np.float16),
        "prompts": rng.normal(size=(3, 4)).astype(np.float16),
        "model_version_ids": np.array([80, 70]),
        "prompt_ids": np.array([1, 2, 3]),
    }
    np.savez(file, **{**arrays, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_csv(tmp_path / "roster.csv", ROSTER)
    write_csv(tmp_path / "promptset_v6.csv", PROMPTS)
    return tmp_path


def test_models_and_prompts_become_records(folder: Path) -> None:
    data = read_gemrec(folder)
    hanfu, bare = data.models
    assert (hanfu.id, hanfu.name, hanfu.kind, hanfu.base) == ("gemrec:70", "Hanfu v1.0", "listed", "SD15")
    assert (hanfu.tags, hanfu.trigger_words, hanfu.downloads) == (("anime", "style"), ("hanfu", "silk"), 1200)
    assert (bare.name, bare.base, bare.downloads, bare.tags, bare.trigger_words) == ("Bare", None, None, (), ())
    ramen = data.prompts[0]
    assert (ramen.text, ramen.tag, ramen.name, data.seeds[0]) == ("a bowl of ramen", "food", "1", 9286102128)
    assert dict(ramen.settings) == {"width": 768, "height": 512, "sampler": "Euler a", "cfg": 7.0}
    assert data.prompts[2].text == "milk, pouring"
    assert data.features is None
    assert data.book == ()


def test_an_original_and_its_extended_wording_are_one_family(folder: Path) -> None:
    first, second, third = read_gemrec(folder).families
    assert first == second
    assert third != first


def test_features_are_kept_as_stored_and_in_their_own_order(folder: Path) -> None:
    write_features(folder / "clip_vit_l14.npz")
    features = read_gemrec(folder).features
    assert features is not None
    assert features.model_ids == ("gemrec:80", "gemrec:70")
    assert features.prompt_names == ("1", "2", "3")
    assert features.pictures.shape == (3, 2, 4)
    expected = np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float16)
    assert (features.pictures == expected.astype(np.float32)).all()


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_the_promptbook_names_pictures_with_their_scores(folder: Path, suffix: str) -> None:
    rows = [
        {
            "image_id": "a",
            "modelVersion_id": 70,
            "prompt_id": 1,
            "seed": 3,
            "clip_score": 24.5,
            "image": "pictures/a.png",
        },
        {"image_id": "b", "modelVersion_id": 80, "prompt_id": 3, "seed": 5, "clip_score": "", "image": ""},
    ]
    if suffix == "csv":
        write_csv(folder / "promptbook.csv", rows)
    else:
        wrapped = [{**rows[0], "image": {"src": "pictures/a.png", "height": 512}}, rows[1]]
        (folder / "promptbook.jsonl").write_text("\n".join(json.dumps(row) for row in wrapped) + "\n")
    first, second = read_gemrec(folder).book
    assert (first.image_id, first.model_id, first.prompt.text, first.seed) == ("a", "gemrec:70", "a bowl of ramen", 3)
    assert first.file == folder / "pictures/a.png"
    assert dict(first.scores) == {"clip_score": 24.5}
    assert second.file is None
    assert dict(second.scores) == {}


def test_a_picture_outside_the_folder_is_refused(folder: Path) -> None:
    write_csv(folder / "promptbook.csv", [{"modelVersion_id": 70, "prompt_id": 1, "image": "../../etc/passwd"}])
    with pytest.raises(PalateError, match="outside") as caught:
        read_gemrec(folder)
    assert caught.value.code == "path_outside"


def with_value(values: Any, at: tuple[int, ...], value: float) -> Any:
    changed = np.array(values)
    changed[at] = value
    return changed


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"images": with_value(np.ones((3, 2, 4)), (2, 1, 0), np.nan)}, "embedding_invalid", "first number 5"),
        ({"images": with_value(np.ones((3, 2, 4)), (0, 1, 2), np.inf)}, "embedding_invalid", "first number 1"),
        ({"prompts": np.zeros((3, 4))}, "embedding_invalid", "3 of 3"),
        ({"images": np.ones((2, 3, 4))}, "shape_mismatch", "prompts x models"),
        ({"prompts": np.ones((3, 5))}, "shape_mismatch", "prompts x models"),
        ({"model_version_ids": np.array([80, 99])}, "unknown_id", "gemrec:99"),
        ({"model_version_ids": np.array([80, 80])}, "duplicate_id", "gemrec:80"),
        ({"prompt_ids": np.array([1, 2, 4])}, "unknown_id", "prompts"),
        ({"prompt_ids": np.array([1.0, 2.0, 3.0])}, "array_invalid", "prompt_ids"),
        ({"images": np.array([[["a"]]])}, "array_invalid", "images"),
        ({"images": np.array([None])}, "features_unreadable", "arrays"),
    ],
)
def test_features_that_cannot_be_trusted_are_refused(
    folder: Path, changes: dict[str, Any], code: str, words: str
) -> None:
    write_features(folder / "clip.npz", **changes)
    with pytest.raises(PalateError, match=words) as caught:
        read_gemrec(folder)
    assert caught.value.code == code
    assert "clip.npz" in (caught.value.about or "")


def test_a_file_that_is_no_archive_is_refused_by_name(folder: Path) -> None:
    (folder / "clip.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(PalateError) as caught:
        read_gemrec(folder)
    assert caught.value.code == "features_unreadable"
    np.savez(folder / "clip.npz", images=np.ones((3, 2, 4)))
    with pytest.raises(PalateError, match="array prompts is missing"):
        read_gemrec(folder)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("modelVersion_id", "", "modelVersion_id is empty"),
        ("modelVersion_id", "seventy", "not a number"),
        ("modelVersion_id", "70.5", "whole number"),
        ("model_download_count", -3, "count of downloads"),
        ("model_download_count", "nan", "not a number"),
        ("modelVersion_id", 80, "gemrec:80 is there twice"),
    ],
)
def test_a_wrong_roster_row_is_named(folder: Path, column: str, value: Any, words: str) -> None:
    write_csv(folder / "roster.csv", [{**ROSTER[0], column: value}, ROSTER[1]])
    with pytest.raises(PalateError, match=words) as caught:
        read_gemrec(folder)
    assert "roster.csv" in (caught.value.about or "")


def test_missing_files_columns_and_fields_are_named(folder: Path) -> None:
    (folder / "roster.csv").write_text("tag,model_name\nx,y\n")
    with pytest.raises(PalateError, match="column modelVersion_id is missing"):
        read_gemrec(folder)
    (folder / "roster.csv").write_text("model_name,modelVersion_id,model_download_count\nonly one\n")
    with pytest.raises(PalateError, match="as many fields"):
        read_gemrec(folder)
    (folder / "roster.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PalateError, match="UTF-8"):
        read_gemrec(folder)
    (folder / "roster.csv").unlink()
    with pytest.raises(PalateError, match="roster"):
        read_gemrec(folder)
    with pytest.raises(PalateError, match="no such folder"):
        read_gemrec(folder / "elsewhere")


@pytest.mark.parametrize(
    ("written", "base"),
    [("SD 1.4", "SD14"), ("SD 2.1", "SD21"), ("SD 2.1 768", "SD21-768"), ("Other", None), ("", None)],
)
def test_bases_have_the_short_form_of_every_importer(folder: Path, written: str, base: str | None) -> None:
    write_csv(folder / "roster.csv", [{**ROSTER[0], "baseModel": written}])
    assert read_gemrec(folder).models[0].base == base


@pytest.mark.skipif(not REAL.is_dir(), reason="the GEMRec features are not at hand")
def test_the_real_folder_has_120_models_and_10_near_duplicate_pairs() -> None:
    data = read_gemrec(REAL)
    assert data.features is not None
    assert data.features.pictures.shape == (90, 120, 768)
    assert (len(data.models), len(data.prompts), len(set(data.families))) == (120, 90, 80)
    assert len({prompt.tag for prompt in data.prompts}) == 12
    assert all(model.downloads is not None for model in data.models)
