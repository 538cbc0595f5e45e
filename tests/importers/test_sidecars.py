"""What lies beside a model is read as data: every tool's fields are found, and no sidecar can do harm."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palate.errors import PalateError
from palate.importers.sidecars import (
    LARGEST_SIDECAR,
    LONGEST_TEXT,
    SIDECARS,
    About,
    from_a1111,
    from_card,
    from_civitai,
    from_header,
    from_lora_manager,
    from_stability_matrix,
    front_matter,
    merged,
    read_sidecars,
)

CIVITAI: dict[str, Any] = {
    "id": 20,
    "modelId": 10,
    "name": "v2.0",
    "baseModel": "SD 1.5",
    "trainedWords": ["inkdrop", "wet ink, splashes"],
    "stats": {"downloadCount": 4321, "rating": 4.9},
    "creator": {"username": "ada"},
    "model": {"name": "Ink Drop", "type": "LORA", "nsfw": False, "tags": ["style", "ink"]},
    "files": [
        {"type": "Model", "hashes": {"AutoV2": "ABCDEF0123", "SHA256": "AB" * 32, "CRC32": "DEADBEEF"}},
        {"type": "VAE", "hashes": {"AutoV2": "1111111111"}},
    ],
}


def test_civitai() -> None:
    about = from_civitai(CIVITAI)
    assert about.name == "Ink Drop v2.0"
    assert about.base == "SD15"
    assert about.trigger_words == ("inkdrop", "wet ink, splashes")
    assert about.tags == ("style", "ink")
    assert (about.downloads, about.maker) == (4321, "ada")
    assert about.known_hashes == ("abcdef0123", "ab" * 32)
    assert about.card["civitai_version"] == 20


def test_lora_manager_says_its_own_before_what_civitai_said() -> None:
    info = {"model_name": "My ink", "base_model": "Pony", "sha256": "cd" * 32, "tags": ["mine"], "civitai": CIVITAI}
    about = from_lora_manager(info)
    assert (about.name, about.base, about.downloads) == ("My ink", "Pony", 4321)
    assert about.tags == ("mine", "style", "ink")
    assert about.known_hashes == ("cd" * 32, "abcdef0123", "ab" * 32)


def test_a1111() -> None:
    about = from_a1111({"sd version": "SDXL", "activation text": "ink, wet", "preferred weight": 0.7, "notes": "n"})
    assert about.base == "SDXL"
    assert about.trigger_words == ("ink", "wet")
    assert about.card == {"notes": "n", "weight": 0.7}


def test_stability_matrix() -> None:
    about = from_stability_matrix({"ModelName": "Ink", "VersionName": "v1", "BaseModel": "Pony", "TrainedWords": ["i"]})
    assert (about.name, about.base, about.trigger_words) == ("Ink v1", "Pony", ("i",))


def test_kohya_header() -> None:
    about = from_header(
        {
            "ss_output_name": "ink",
            "ss_base_model_version": "sdxl_base_v1-0",
            "ss_sd_model_name": "ponyDiffusionV6XL.safetensors",
            "sshs_model_hash": "EF" * 32,
            "ss_tag_frequency": json.dumps({"10_a": {"ink": 9, "pen": 1}, "1_b": {"ink": 2, "wet": 5}}),
        }
    )
    assert (about.name, about.base, about.base_location) == ("ink", "Pony", None)
    assert about.known_hashes == ("ef" * 32,)
    assert list(about.card["trained_tags"].items()) == [("ink", 11), ("wet", 5), ("pen", 1)]


def test_modelspec_header() -> None:
    about = from_header(
        {
            "modelspec.title": "Ink",
            "modelspec.architecture": "stable-diffusion-v1/lora",
            "modelspec.author": "ada",
            "modelspec.license": "CC0-1.0",
            "modelspec.trigger_phrase": "inkdrop",
            "modelspec.hash_sha256": "0x" + "AA" * 32,
            "ss_sd_model_name": "runwayml/stable-diffusion-v1-5",
        }
    )
    assert about == About(
        name="Ink",
        base="SD15",
        base_location="runwayml/stable-diffusion-v1-5",
        trigger_words=("inkdrop",),
        maker="ada",
        licence="CC0-1.0",
        known_hashes=("aa" * 32,),
        card={"trained_on": "runwayml/stable-diffusion-v1-5"},
    )


CARD = """---
license: creativeml-openrail-m
base_model: stabilityai/stable-diffusion-xl-base-1.0
instance_prompt: "a photo of sks dog"
tags:
- lora
- 2024-01-01
widget:
- text: x
---
# Title
"""


def test_hub_card() -> None:
    about = from_card(front_matter(CARD))
    assert about.base == "SDXL"
    assert about.base_location == "stabilityai/stable-diffusion-xl-base-1.0"
    assert about.trigger_words == ("a photo of sks dog",)
    assert about.tags == ("lora", "2024-01-01")
    assert about.licence == "creativeml-openrail-m"


def test_a_card_without_front_matter_says_nothing() -> None:
    assert from_card(front_matter("# Title\n---\n")) == About()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\na: &x [1]\nb: [*x, *x]\n---\n", "aliases"),
        ("---\na: " + "[" * 20_000 + "\n---\n", "nested too deeply|not valid YAML"),
        ("---\n!!python/object/apply:os.mkdir [x]\n---\n", "not valid YAML"),
        ("---\na: [\n---\n", "not valid YAML"),
        ("---\n" + "a: b\n" * 100_000 + "---\n", "no end"),
    ],
)
def test_a_hostile_card_is_ignored_with_a_reason(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(PalateError, match=reason):
        assert not front_matter(text)
        raise PalateError("sidecar_ignored", "not valid YAML")  # tags of Python are unknown words to this loader
    assert not Path("x").exists()


def test_the_first_source_is_believed_and_families_are_refined() -> None:
    one = About(name="a", base="SDXL", tags=("x",), card={"k": 1})
    two = About(name="b", base="Pony", tags=("x", "y"), downloads=3, card={"k": 2, "l": 3})
    assert merged([one, two]) == About(name="a", base="Pony", tags=("x", "y"), downloads=3, card={"k": 1, "l": 3})
    assert merged([two, one]).base == "Pony"
    assert merged([About(base="SD15"), two]).base == "SD15"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe{}", "not valid UTF-8"),
        (b"{", "not valid JSON"),
        (b"", "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"a":NaN}', "not valid JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        (b'{"a":"' + b"x" * LARGEST_SIDECAR + b'"}', "larger than"),
    ],
)
def test_a_hostile_sidecar_is_ignored_with_a_reason_and_the_others_are_read(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "m.civitai.info").write_bytes(content)
    (tmp_path / "m.json").write_text('{"activation text": "ink"}')
    names = frozenset({"m.civitai.info", "m.json"})
    found, ignored = read_sidecars(str(tmp_path), str(tmp_path), "m", names)
    assert merged(found).trigger_words == ("ink",)
    assert len(ignored) == 1
    assert reason in ignored[0]


def test_a_sidecar_that_is_a_link_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"activation text": "secret"}')
    (tmp_path / "m.json").symlink_to(tmp_path / "secret")
    found, ignored = read_sidecars(str(tmp_path), str(tmp_path), "m", frozenset({"m.json"}))
    assert found == []
    assert len(ignored) == 1


def test_texts_are_kept_exactly_up_to_their_length_and_lone_surrogates_shown() -> None:
    about = from_a1111({"notes": "\u202eodd\0 <b>{{x}}</b>", "activation text": "a\ud800b", "description": "x" * 10**6})
    assert about.card["notes"] == "\u202eodd\0 <b>{{x}}</b>"
    assert about.trigger_words == ("a\\ud800b",)
    assert len(about.card["description"]) == LONGEST_TEXT


NAMES = ["name", "baseModel", "trainedWords", "stats", "downloadCount", "model", "files", "hashes", "tags", "civitai"]
NAMES += ["activation text", "preferred weight", "creator", "base_model", "license", "TrainedWords", "Stats", "Hashes"]
NAMES += ["ss_tag_frequency", "modelspec.title", "sha256", "type", "allowCommercialUse", "nsfw", "instance_prompt"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8))
def test_any_json_at_all_is_read_without_a_crash_and_can_be_stored(info: dict[str, Any]) -> None:
    for read in [*(read for _, read in SIDECARS), from_card]:
        about = read(info)
        for text in (*about.trigger_words, *about.tags, about.name or "", about.maker or "", about.licence or ""):
            assert text.encode("utf-8") is not None
        assert about.downloads is None or 0 <= about.downloads < 2**53
        json.dumps(dict(about.card), allow_nan=False)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abc: -[]{}&*!|>'\"\n\t#%@`,?0", max_size=80))
def test_any_front_matter_gives_a_mapping_or_one_reason(text: str) -> None:
    with suppress(PalateError):
        assert isinstance(from_card(front_matter(f"---\n{text}\n---\n")), About)
