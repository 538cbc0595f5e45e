"""Fooocus, InvokeAI, NovelAI, SwarmUI and Easy Diffusion, each in the shape it writes."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palate.catalogue.records import Credit
from palate.importers.metadata import UnreadableError, read_metadata, read_texts
from palate.importers.metadata.embedded import MOST_TEXT, embedded
from palate.importers.metadata.exif import exif_texts
from palate.safety.containers import PictureFormat, sniff
from palate.testing.outputs import chunk, exif, jpeg_with_comment, png, with_exif

FULL_HASH = "56d1442a0feefd64836a19ac8e3527ec71c884fc962e246ddf67b03e42921272"

FOOOCUS: dict[str, Any] = {
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "juggernautXL",
    "base_model_hash": "aeb7e9e689",
    "full_prompt": ["cinematic still a fox", "a fox, sharp focus"],
    "guidance_scale": 4.0,
    "loras": [["offset", 0.1, "4852686128"], ["ink", 0.5, "0011223344"]],
    "lora_combined_1": "offset : 0.1",
    "negative_prompt": "",
    "prompt": "a fox",
    "refiner_model": "None",
    "resolution": "(1152, 896)",
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "seed": "6952411511246973023",
    "steps": 30,
    "styles": "['Fooocus V2']",
    "version": "Fooocus v2.5.0",
}


def test_fooocus_credits_its_model_and_loras_with_their_hashes() -> None:
    read = read_texts({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"})
    assert (read.tool, read.text, read.negative, read.seed) == ("Fooocus", "a fox", "", 6952411511246973023)
    assert (read.settings["width"], read.settings["height"], read.settings["cfg"]) == (1152, 896, 4.0)
    assert read.credits == (
        Credit("juggernautXL", "checkpoint", 1.0, "aeb7e9e689"),
        Credit("offset", "adapter", 0.1, "4852686128"),
        Credit("ink", "adapter", 0.5, "0011223344"),
    )


def test_older_fooocus_names_loras_with_their_weights_only() -> None:
    said = {
        **FOOOCUS,
        "loras": [],
        "lora_combined_2": "True : ink : 0.4",
        "refiner_model": "fine",
        "refiner_switch": 0.8,
    }
    read = read_texts({"parameters": json.dumps(said)})
    assert [(each.name, each.weight) for each in read.credits[1:]] == [("fine", 0.2), ("offset", 0.1), ("ink", 0.4)]


def test_fooocus_writes_jpeg_comments_into_the_first_folder_without_a_mark() -> None:
    block = exif({0x0131: b"Fooocus v2.5.0\0", 0x9286: json.dumps(FOOOCUS).encode() + b"\0", 0x927C: b"fooocus\0"})
    assert read_metadata(with_exif("JPEG", block), "jpeg").credits[0].name == "juggernautXL"


INVOKEAI: dict[str, Any] = {
    "generation_mode": "sdxl_txt2img",
    "positive_prompt": "a fox",
    "negative_prompt": "blurry",
    "width": 1024,
    "height": 768,
    "seed": 3293022630,
    "cfg_scale": 8.0,
    "steps": 35,
    "scheduler": "euler",
    "model": {"key": "k", "hash": "blake3:aabb", "name": "juggernautXL", "base": "sdxl", "type": "main"},
    "loras": [
        {"model": {"name": "ink", "hash": f"sha256:{FULL_HASH}"}, "weight": 0.75},
        {"lora": {"model_name": "old", "base_model": "sdxl"}, "weight": 0.5},
    ],
    "app_version": "5.0.0",
}


def test_invokeai_of_all_versions() -> None:
    read = read_texts({"invokeai_metadata": json.dumps(INVOKEAI)})
    assert (read.tool, read.text, read.negative, read.seed) == ("InvokeAI", "a fox", "blurry", 3293022630)
    assert read.settings == {"steps": 35, "cfg": 8.0, "sampler": "euler", "width": 1024, "height": 768}
    assert read.credits == (
        Credit("juggernautXL", "checkpoint"),
        Credit("ink", "adapter", 0.75, FULL_HASH),
        Credit("old", "adapter", 0.5),
    )
    second = {
        "model_weights": "deliberate",
        "model_hash": FULL_HASH,
        "image": {"prompt": [{"prompt": "a fox [blurry]", "weight": 1.0}], "seed": 29, "steps": 50, "sampler": "k_lms"},
    }
    read = read_texts({"sd-metadata": json.dumps(second), "Dream": "ignored"})
    assert (read.text, read.negative, read.seed) == ("a fox", "blurry", 29)
    assert read.credits == (Credit("deliberate", "checkpoint", 1.0, FULL_HASH),)
    read = read_texts({"Dream": '"a fox [blurry]" -s 50 -S 29 -W 512 -H 768 -C 7.5 -A k_lms -G 0.9'})
    assert (read.text, read.negative, read.seed) == ("a fox", "blurry", 29)
    assert read.settings == {"steps": 50, "cfg": 7.5, "sampler": "k_lms", "width": 512, "height": 768}


NOVELAI: dict[str, Any] = {
    "prompt": "1girl, rain",
    "steps": 28,
    "height": 1216,
    "width": 832,
    "scale": 5.0,
    "seed": 3071474384,
    "noise_schedule": "karras",
    "sampler": "k_euler_ancestral",
    "uc": "lowres",
    "v4_prompt": {"caption": {"base_caption": "1girl, rain", "char_captions": [{"char_caption": "girl, umbrella"}]}},
}


def test_novelai_by_its_source_and_comment() -> None:
    texts = {
        "Software": "NovelAI",
        "Source": "NovelAI Diffusion V4.5 4BB8B1D7",
        "Description": "1girl, rain",
        "Comment": json.dumps(NOVELAI),
    }
    read = read_texts(texts)
    assert (read.tool, read.text, read.negative) == ("NovelAI", "1girl, rain | girl, umbrella", "lowres")
    assert read.settings["cfg"] == 5.0
    assert read.credits == (Credit("NovelAI Diffusion V4.5", "checkpoint", 1.0, "4bb8b1d7"),)
    assert read_metadata(jpeg_with_comment(json.dumps(texts), format="WEBP"), "webp") == read
    with pytest.raises(UnreadableError, match="no metadata"):
        read_texts({"Comment": "made with a camera"})


SWARMUI: dict[str, Any] = {
    "sui_image_params": {
        "prompt": "a fox",
        "negativeprompt": "pov",
        "model": "sdxl/realDream",
        "seed": 1755497345,
        "steps": 16,
        "cfgscale": 2.0,
        "width": 1248,
        "height": 1824,
        "sampler": "er_sde",
        "scheduler": "beta",
        "loras": ["styleA", "turbo"],
        "loraweights": ["0.4", "0.7"],
        "swarm_version": "0.9.8.1",
    },
    "sui_extra_data": {"date": "2026-01-01"},
    "sui_models": [
        {"name": "sdxl/realDream.safetensors", "param": "model", "hash": f"0x{FULL_HASH}"},
        {"name": "styleA.safetensors", "param": "loras", "hash": "0xe8055d97ec312203"},
    ],
}


def test_swarmui_with_and_without_its_lists_as_text() -> None:
    read = read_texts({"parameters": json.dumps(SWARMUI, indent=2)})
    assert (read.tool, read.text, read.negative, read.seed) == ("SwarmUI", "a fox", "pov", 1755497345)
    assert read.credits == (
        Credit("sdxl/realDream", "checkpoint", 1.0, FULL_HASH),
        Credit("styleA", "adapter", 0.4, "e8055d97ec312203"),
        Credit("turbo", "adapter", 0.7),
    )
    as_text = json.loads(json.dumps(SWARMUI))
    as_text["sui_image_params"].update(loras="styleA,turbo", loraweights="0.4,0.7")
    assert read_metadata(jpeg_with_comment(json.dumps(as_text)), "jpeg") == read


def test_easy_diffusion_as_json_and_as_one_text_each() -> None:
    said = {
        "prompt": "a fox",
        "negative_prompt": "bad",
        "seed": 7,
        "use_stable_diffusion_model": "sd-v1-5",
        "sampler_name": "euler_a",
        "width": 512,
        "height": 768,
        "num_inference_steps": 25,
        "guidance_scale": 7.5,
        "use_lora_model": ["ink", "old"],
        "lora_alpha": [0.5, 0.25],
    }
    read = read_metadata(jpeg_with_comment(json.dumps(said)), "jpeg")
    assert (read.tool, read.text, read.seed) == ("Easy Diffusion", "a fox", 7)
    assert [(each.name, each.weight) for each in read.credits] == [("sd-v1-5", 1.0), ("ink", 0.5), ("old", 0.25)]
    assert read_texts({name: str(value) for name, value in said.items()}) == read


@pytest.mark.parametrize("keyword", ["invokeai_metadata", "sd-metadata", "prompt", "parameters"])
@pytest.mark.parametrize(
    "text", ['{"base_model" "sui_image_params"', "{" * 50_000, '{"a": ' + "9" * 10_000 + "}", "[1]"]
)
def test_broken_json_is_one_reason(keyword: str, text: str) -> None:
    with pytest.raises(UnreadableError, match=r".{10,80}"):
        read_texts({keyword: text})


def test_a_text_bomb_is_not_unpacked_further_than_its_cap() -> None:
    bomb = zlib.compress(b"\0" * 500_000_000, 9)
    data = png(extra=chunk(b"zTXt", b"parameters\0\0" + bomb) + chunk(b"iTXt", b"prompt\0\1\0\0\0" + bomb))
    found = embedded(data, "png")
    assert (found.texts, found.too_large) == ({}, ["parameters", "prompt"])
    with pytest.raises(UnreadableError, match="too large to read: parameters, prompt"):
        read_metadata(data, "png")


def test_many_texts_share_one_allowance() -> None:
    data = png({f"k{index}": "x" * (MOST_TEXT - 1) for index in range(6)})
    found = embedded(data, "png")
    assert len(found.texts) == 4
    assert found.too_large == ["k4", "k5"]


def test_xmp_is_never_looked_into() -> None:
    xmp = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    with pytest.raises(UnreadableError, match="no metadata"):
        read_metadata(png({"XML:com.adobe.xmp": xmp}), "png")


@given(
    st.dictionaries(
        st.sampled_from(list(FOOOCUS)), st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text())
    )
)
def test_any_values_under_known_names_are_read_or_refused(said: dict[str, Any]) -> None:
    for wrapped in ({"base_model": "m", **said}, {"sui_image_params": said}):
        with_credit = {"parameters": json.dumps(wrapped)}
        try:
            read = read_texts(with_credit)
        except UnreadableError:
            continue
        json.dumps(dict(read.settings), allow_nan=False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
KEYWORDS = [
    "parameters",
    "prompt",
    "workflow",
    "Comment",
    "Software",
    "Source",
    "Dream",
    "sd-metadata",
    "invokeai_metadata",
]


@given(
    st.dictionaries(
        st.sampled_from(KEYWORDS),
        st.text()
        | json_values.map(json.dumps)
        | st.sampled_from(["NovelAI", "{", json.dumps(INVOKEAI), json.dumps(NOVELAI)]),
    )
)
def test_any_texts_are_read_or_refused(texts: dict[str, str]) -> None:
    try:
        read_texts(texts)
    except UnreadableError as error:
        assert str(error)  # noqa: PT017


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(
        data.draw(
            st.sampled_from(
                [
                    png({"parameters": json.dumps(SWARMUI)}, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(b"b"))),
                    jpeg_with_comment(json.dumps(FOOOCUS)),
                    jpeg_with_comment(json.dumps(FOOOCUS), format="WEBP"),
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 10))):
        whole[data.draw(st.integers(0, min(len(whole) - 1, 400)))] = data.draw(st.integers(0, 255))
    kind: PictureFormat | None = sniff(bytes(whole))
    if kind is not None:
        try:
            read_metadata(bytes(whole), kind)
        except UnreadableError as error:
            assert str(error)  # noqa: PT017


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*"]))
def test_any_exif_block_gives_texts_or_nothing(noise: bytes, order: bytes) -> None:
    assert all(isinstance(value, bytes) for value in exif_texts(order + noise).values())


def test_exif_that_points_at_itself_or_beyond_ends() -> None:
    itself = b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + b"\0" * 4
    assert exif_texts(itself) == {}
    beyond = b"II*\0" + struct.pack("<I", 8) + struct.pack("<HHHII", 1, 0x9286, 7, 2**31, 2**31) + b"\0" * 4
    assert exif_texts(beyond) == {}
    assert exif_texts(b"II*\0") == {}
