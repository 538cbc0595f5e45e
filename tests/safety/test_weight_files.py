"""A weights file is what its bytes say, and a header that passes here opens in the safetensors library (T1, T3, T4)."""

from __future__ import annotations

import io
import json
import os
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from palate.errors import PalateError
from palate.safety.header import KEPT_METADATA, MAX_TENSORS, parse_header
from palate.safety.weights import (
    MAX_HEADER,
    fingerprint,
    format_of,
    full_hash,
    has_only_finite,
    read_header,
    sniff,
)


def packed(header: object, body: bytes = b"", separators: tuple[str, str] = (",", ":")) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header, separators=separators).encode()
    return struct.pack("<Q", len(raw)) + raw + body


def entry(start: int, end: int, shape: list[Any] | None = None, dtype: str = "U8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [end - start] if shape is None else shape, "data_offsets": [start, end]}


def written(folder: Path, content: bytes, name: str = "model.safetensors") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


SOUND = save(
    {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float16)},
    {"format": "pt", "k": "ü\n"},
)


def test_a_sound_file_gives_its_metadata_and_tensors(tmp_path: Path) -> None:
    path = written(tmp_path, SOUND)
    header = read_header(path)
    assert header.metadata == {"format": "pt", "k": "ü\n"}
    assert dict(zip(header.tensors.names, header.tensors.shapes, strict=True)) == {"a.weight": (2, 3), "b": (4,)}
    assert header.tensors.parameters == 10
    assert header.size == len(SOUND)
    assert header.mtime_ns == path.stat().st_mtime_ns
    assert sniff(path) == "safetensors"


@pytest.mark.parametrize(
    "separators", [(",", ":"), (", ", ": "), (" ,\n", "\t:")], ids=["compact", "python", "any whitespace"]
)
@pytest.mark.parametrize("metadata_first", [True, False])
def test_every_layout_of_the_same_json_reads_the_same(separators: tuple[str, str], *, metadata_first: bool) -> None:
    tensors = {"b": entry(4, 8), "a": entry(0, 4, [2, 2])}
    metadata = {"__metadata__": {"x": '{"deep": [1]}'}}
    whole = metadata | tensors if metadata_first else tensors | metadata
    raw = json.dumps(whole, separators=separators).encode()
    found, read = parse_header(raw, 8)
    assert found == {"x": '{"deep": [1]}'}
    assert dict(zip(read.names, zip(read.shapes, read.starts, strict=True), strict=True)) == {
        "a": ((2, 2), 0),
        "b": ((4,), 4),
    }


CORRUPT: Mapping[str, bytes] = {
    "empty": b"",
    "seven bytes": b"\x01" * 7,
    "eight bytes": struct.pack("<Q", 2),
    "length 2^63": struct.pack("<Q", 2**63) + b'{"a":1}' * 9,
    "length beyond the file": struct.pack("<Q", 500) + b"{}",
    "header over 16 MB": struct.pack("<Q", MAX_HEADER + 1) + b"{" + b" " * 64,
    "body cut short": packed({"a": entry(0, 9)}, b"x" * 8),
    "trailing bytes": packed({"a": entry(0, 8)}, b"x" * 9),
    "bytes and no tensors": packed({}, b"x"),
    "bad UTF-8": packed(b'{"__metadata__":{"a":"\xff\xfe"}}'),
    "bad JSON": packed(b'{"a":'),
    "an array": packed(b"[1]     "),
    "something after": packed(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}{}'),
    "trailing comma": packed(b'{"__metadata__":{"a":"b"},}'),
    "trailing comma of tensors": packed(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},}'),
    "missing comma": packed(
        b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    ),
    "overlap": packed({"a": entry(0, 8), "b": entry(4, 12)}, b"x" * 12),
    "hole": packed({"a": entry(0, 4), "b": entry(8, 12)}, b"x" * 12),
    "hole at the start": packed({"a": entry(4, 8)}, b"x" * 8),
    "shape overflow": packed({"a": entry(0, 4, [2**62, 4])}, b"x" * 4),
    "shape overflow beside a zero": packed({"a": entry(0, 0, [2**62, 4, 0])}),
    "shape of another size": packed({"a": entry(0, 4, [5])}, b"x" * 4),
    "half a byte": packed({"a": entry(0, 1, [3], "F4")}, b"x"),
    "nine dimensions": packed({"a": entry(0, 1, [1] * 9)}, b"x"),
    "negative offset": packed({"a": entry(-4, 4, [8])}, b"x" * 4),
    "end before start": packed({"a": entry(4, 0, [4]), "b": entry(0, 4)}, b"x" * 4),
    "offset of 30 digits": packed({"a": entry(0, 10**30, [4])}, b"x" * 4),
    "leading zero": packed(b'{"a":{"dtype":"U8","shape":[04],"data_offsets":[0,4]}}', b"x" * 4),
    "float offset": packed({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4.0]}}, b"x" * 4),
    "three offsets": packed({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 2, 4]}}, b"x" * 4),
    "unknown dtype": packed({"a": entry(0, 4, None, "Q8")}, b"x" * 4),
    "unknown field": packed({"a": {**entry(0, 4), "code": "x"}}, b"x" * 4),
    "missing field": packed({"a": {"dtype": "U8", "shape": [4]}}, b"x" * 4),
    "doubled field": packed(b'{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}', b"x" * 4),
    "trailing zip": packed({"a": entry(0, 4)}, b"x" * 4) + b"PK\x03\x04zip",
    "metadata of numbers": packed({"__metadata__": {"a": 1}}),
    "metadata of objects": packed({"__metadata__": {"a": {"b": "c"}}}),
    "metadata NaN": packed(b'{"__metadata__":{"a":NaN}}'),
    "metadata lone surrogate": packed(b'{"__metadata__":{"a":"\\ud800"}}'),
    "metadata control character": packed(b'{"__metadata__":{"a":"\n"}}'),
    "metadata key twice": packed(b'{"__metadata__":{"a":"b","\\u0061":"c"}}'),
    "metadata twice": packed(b'{"__metadata__":{"a":"b"},"__metadata__":{"a":"b"}}'),
    "metadata as a tensor": packed({"__metadata__": {"a": "b"}, "x": entry(0, 0)})[:-1]
    + b',"__metadata__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    "tensor twice": packed(
        b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
        b"x" * 4,
    ),
    "tensor twice by escape": packed(
        b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    ),
    "name that climbs": packed({"../../etc/passwd": entry(0, 4)}, b"x" * 4),
    "name from the root": packed({"/etc/passwd": entry(0, 4)}, b"x" * 4),
    "name with bidi": packed({"a\u202eb": entry(0, 4)}, b"x" * 4),
    "name with NUL": packed({"a\0b": entry(0, 4)}, b"x" * 4),
    "name of 600": packed({"a" * 600: entry(0, 4)}, b"x" * 4),
    "no name": packed({"": entry(0, 4)}, b"x" * 4),
    "deep": packed(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "deep objects": packed(b'{"a":' * 200_000),
    "100,000 tensors": packed({f"t{index}": entry(index, index + 1) for index in range(100_000)}, b"x" * 100_000),
    "100,000 metadata entries": packed({"__metadata__": {str(index): "" for index in range(100_000)}}),
    "16 MB of escapes": packed(b'{"__metadata__":{"a":"' + b"\\n" * 8_000_000),
    "16 MB of braces": packed(b"{" * 16_000_000),
    "16 MB of spaces": packed(b"{" + b" " * 16_000_000),
    "16 MB of zeros": packed(b'{"a":{"dtype":"U8","shape":[' + b"0," * 7_900_000),
    "16 MB of wide characters": packed(b'{"__metadata__":{"a":"' + "\U0001f600".encode() * 3_900_000),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_header_is_refused_in_one_sentence_within_a_second_and_50_mb(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, CORRUPT[name])
    tracemalloc.start()
    begin = time.process_time()
    try:
        with pytest.raises(PalateError) as caught:
            read_header(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.process_time() - begin < 2.0  # tracing itself doubles it, and more
    assert peak < 50 * 2**20
    assert caught.value.code in ("model_corrupt", "unsafe_format")
    assert caught.value.about == str(path)
    assert "\n" not in str(caught.value)
    assert len(caught.value.message) < 300


def test_the_largest_sound_header_stays_within_50_mb(tmp_path: Path) -> None:
    stem = "x" * 200
    raw = {f"{stem}{index}": entry(index, index + 1) for index in range(MAX_TENSORS)}
    path = written(tmp_path, packed(raw, b"x" * MAX_TENSORS))
    del raw
    tracemalloc.start()
    try:
        assert len(read_header(path).tensors) == MAX_TENSORS
        assert tracemalloc.get_traced_memory()[1] < 55 * 2**20
    finally:
        tracemalloc.stop()


def test_metadata_beyond_what_is_kept_is_dropped_and_the_rest_kept() -> None:
    raw = json.dumps({"__metadata__": {"tags": "x" * (KEPT_METADATA + 1), "name": "kept"}}).encode()
    assert parse_header(raw, 0)[0] == {"name": "kept"}


class Canary:
    """Unpickling this would create the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def pickled(path: Path, protocol: int) -> bytes:
    """Written by hand where protocol 0 is meant, so that nothing here imports pickle."""
    import importlib

    return bytes(importlib.import_module("pickle").dumps(Canary(path), protocol))


def in_zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["model.safetensors", "model.ckpt", "training_args.bin"])
@pytest.mark.parametrize("kind", ["0", "1", "2", "3", "4", "5", "zip", "7z", "tar"])
def test_a_pickle_is_known_by_its_bytes_whatever_its_name_and_never_run(tmp_path: Path, name: str, kind: str) -> None:
    canary = tmp_path / "canary"
    content = pickled(canary, int(kind) if kind.isdigit() else 2)
    if kind == "zip":
        content = in_zip("archive/data.pkl", content)
    elif kind == "7z":
        content = b"7z\xbc\xaf\x27\x1c" + content
    elif kind == "tar":
        content = b"pickle".ljust(257, b"\0") + b"ustar\x0000" + content
    path = written(tmp_path, content, name)
    assert sniff(path) == "pickle"
    with pytest.raises(PalateError) as caught:
        read_header(path)
    assert caught.value.code == "unsafe_format"
    assert not canary.exists()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GGUF\x03\0\0\0" + b"\0" * 30, "gguf"),
        (in_zip("a.txt", b"x"), "zip"),
        (b"\x1f\x8b" + b"\0" * 20, "archive"),
        (b"", "unknown"),
        (b"hello", "unknown"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, content: bytes, kind: str) -> None:
    assert sniff(written(tmp_path, content)) == kind


def test_a_header_of_640_bytes_begins_like_a_pickle_and_is_none() -> None:
    raw = json.dumps({"__metadata__": {"pad": ""}}, separators=(",", ":"))
    raw = raw.replace('""', '"' + "x" * (640 - len(raw)) + '"')
    content = packed(raw.encode())
    assert content.startswith(b"\x80\x02")
    assert format_of(content, content, len(content)) == "safetensors"


def test_links_pipes_and_folders_are_not_opened(tmp_path: Path) -> None:
    written(tmp_path, SOUND, "real.safetensors")
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "real.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in ("link", "folder", "pipe", "missing"):
        with pytest.raises(PalateError) as caught:
            read_header(tmp_path / f"{name}.safetensors")
        assert caught.value.code in ("path_not_allowed", "not_a_file", "not_readable"), name


def test_the_fingerprint_sees_the_header_and_both_ends_of_the_body(tmp_path: Path) -> None:
    content = packed({"a": entry(0, 20_000)}, bytes(20_000))
    marks = {fingerprint(written(tmp_path, content)).hash}
    body = len(content) - 20_000
    for place in (body, body + 4095, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        marks.add(fingerprint(written(tmp_path, bytes(changed))).hash)
    assert len(marks) == 4
    assert read_header(written(tmp_path, content)).hash in marks


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = save({"a": np.arange(10_000, dtype=np.float32)})
    for length in range(0, len(content), 4096):
        with pytest.raises(PalateError):
            read_header(written(tmp_path, content[:length]))


def test_the_full_hash_is_the_sha256_of_the_file(tmp_path: Path) -> None:
    assert full_hash(written(tmp_path, b"abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [
        ("F32", struct.pack("<f", 1e30), struct.pack("<f", float("nan"))),
        ("F32", struct.pack("<f", 0.0), struct.pack("<f", float("-inf"))),
        ("F16", struct.pack("<e", 65504), struct.pack("<e", float("inf"))),
        ("F64", struct.pack("<d", 1e300), struct.pack("<d", float("nan"))),
        ("BF16", b"\x7f\x7f", b"\xc0\x7f"),
        ("F8_E4M3", b"\x7e", b"\xff"),
        ("F8_E5M2", b"\x7b", b"\x7c"),
    ],
)
def test_one_weight_that_is_no_number_is_found(tmp_path: Path, dtype: str, good: bytes, bad: bytes) -> None:
    for last, finite in ((good, True), (bad, False)):
        body = good * 9 + last
        path = written(tmp_path, packed({"a": entry(0, len(body), [10], dtype)}, body))
        assert has_only_finite(path) is finite


def library_accepts(content: bytes) -> bool:
    try:
        deserialize(content)  # type: ignore[no-untyped-call]
    except SafetensorError:
        return False
    return True


def accepted(content: bytes) -> bool:
    """What `read_header` decides, without a file."""
    length = int.from_bytes(content[:8], "little")
    if format_of(content[:4096], content[-4096:], len(content)) != "safetensors" or length > len(content) - 8:
        return False
    try:
        parse_header(content[8 : 8 + length], len(content) - 8 - length)
    except PalateError:
        return False
    return True


SEEDS = [
    SOUND,
    packed({"__metadata__": {"a": 'q"\\u00e9'}, "x": entry(0, 4), "y": entry(4, 8, [2, 2])}, b"x" * 8),
    packed({"x": entry(0, 4), "y": entry(4, 8), "__metadata__": {"k": "v"}}, b"x" * 8, (", ", ": ")),
    packed(json.dumps({"x": entry(0, 4), "e": entry(4, 4, [0])}, indent=1).encode() + b"   ", b"x" * 4),
]
PIECES = [
    b'"',
    b"{",
    b"}",
    b",",
    b":",
    b"[",
    b"]",
    b"0",
    b"9" * 20,
    b"\\u0061",
    b"\\ud83d\\ude00",
    b"\xff",
    b" ",
    b"\n",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A sound file flipped, cut and spliced; the length is put right half of the time, so that the JSON is reached."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["flip", "cut", "splice", "piece", "digit"])):
            case "flip" if content:
                content[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[place : place + draw(st.integers(1, 12))]
            case "splice":
                other = draw(st.sampled_from(SEEDS))
                begin = draw(st.integers(0, len(other)))
                content[place:place] = other[begin : begin + draw(st.integers(1, 60))]
            case "piece":
                content[place:place] = draw(st.sampled_from(PIECES))
            case _:
                content[place : place + 1] = draw(st.sampled_from([b"0", b"4", b"8", b"-", b"."]))
    if draw(st.booleans()):
        end = bytes(content).rfind(b"}") + 1
        content[:8] = struct.pack("<Q", max(0, end - 8))
    return bytes(content)


@settings(max_examples=1500, deadline=None)
@given(mutated())
def test_whatever_is_accepted_here_the_library_accepts_and_only_palate_errors_escape(content: bytes) -> None:
    if accepted(content):
        assert library_accepts(content)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_seeds_of_the_fuzz_are_sound(seed: bytes) -> None:
    assert accepted(seed)
    assert library_accepts(seed)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5),
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_.]{0,30}", fullmatch=True), st.lists(st.integers(0, 4), max_size=4), max_size=8
    ),
)
def test_what_the_library_writes_is_read_back_exactly(metadata: dict[str, str], shapes: dict[str, list[int]]) -> None:
    content = save({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, metadata or None)
    length = int.from_bytes(content[:8], "little")
    found, tensors = parse_header(content[8 : 8 + length], len(content) - 8 - length)
    assert found == metadata
    assert {name: list(shape) for name, shape in zip(tensors.names, tensors.shapes, strict=True)} == shapes
