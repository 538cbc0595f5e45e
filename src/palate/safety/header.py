"""A safetensors header read with suspicion.

It accepts less than the safetensors library does: whatever passes here opens there, and what the library lets through
(doubled keys, a hundred thousand tensors, names that climb out of a folder) is refused. It reads the one grammar that
headers have instead of general JSON, so its memory is bounded, it cannot be nested to death, and it takes about a
microsecond a tensor.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from operator import sub

from palate.errors import PalateError

MAX_TENSORS = 50_000
SHORTEST_ENTRY = len('"a":{"dtype":"U8","shape":[],"data_offsets":[0,0]},')
MAX_METADATA = 10_000
MAX_DIMENSIONS = 8
MAX_NAME = 512
LARGEST_CACHED = 256 * 1024
LARGEST_FAST = 2 * 1024 * 1024
"""Bytes of tensor entries up to which speed is bought with copies."""
KEPT_METADATA = 2 * 1024 * 1024
"""Bytes of metadata that are kept; values beyond are checked and dropped (training tags of whole data sets)."""

BITS: Mapping[str, int] = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
}
"""Every element type the safetensors library knows, in bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """The tensors of a file in the order of its header; column k of each tuple belongs to the k-th tensor."""

    names: tuple[str, ...]
    dtypes: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    """Where each begins, in bytes from the end of the header."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def parameters(self) -> int:
        return sum(map(prod, self.shapes))


def corrupt(reason: str) -> PalateError:
    return PalateError("model_corrupt", reason, hint="get the file again")


_WS = rb"[ \t\r\n]*+"
_STRING = (
    rb'"((?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    rb'|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))*+)"'
)
_NUMBER = rb"(?:0|[1-9][0-9]{0,18})"
_LEADING_METADATA = re.compile(rb'\{%b"__metadata__"%b:%b\{' % (_WS, _WS, _WS))
_PAIR = re.compile(rb"%b%b%b:%b%b%b([,}])" % (_WS, _STRING, _WS, _WS, _STRING, _WS))
_CLOSE = re.compile(rb"%b\}" % _WS)
_KEY = re.compile(rb"%b%b%b:%b\{" % (_WS, _STRING, _WS, _WS))
_FIELD = re.compile(
    rb'%b"(dtype|shape|data_offsets)"%b:%b(?:"([A-Z0-9_]{1,16})"|\[(%b(?:%b%b,%b)*+(?:%b%b)?)\])%b([,}])'
    % (_WS, _WS, _WS, _WS, _NUMBER, _WS, _WS, _NUMBER, _WS, _WS)
)
_SEPARATOR = re.compile(rb"%b([,}])" % _WS)

_NAME_SET = r"[ !#-\[\]-~]"
_NAME = re.compile(_NAME_SET + "+")
_NUMBERS = r"((?:0|[1-9][0-9]{0,18})(?:%s(?:0|[1-9][0-9]{0,18}))*+|)"
_OFFSET = r"(0|[1-9][0-9]{0,18})"


class _Layout:
    """One tensor exactly as a writer lays it out, without or with a space after colons and commas."""

    def __init__(self, space: str) -> None:
        colon, comma = ":" + space, "," + space
        self.comma = comma
        self.literal = len(f'""{colon}{{"dtype"{colon}""{comma}"shape"{colon}[]{comma}"data_offsets"{colon}[{comma}]}}')
        self.row = re.compile(
            rf'"({_NAME_SET}++)"{colon}\{{"dtype"{colon}"([A-Z0-9_]++)"{comma}"shape"{colon}\[{_NUMBERS % comma}\]'
            rf'{comma}"data_offsets"{colon}\[{_OFFSET}{comma}{_OFFSET}\]\}}(?:{comma}(?=")|\}}\Z)'
        )

    def columns(self, text: str) -> Columns | None:
        """None where the text is not rows of this layout and nothing else.

        What findall skips shows as missing length: rows are told apart by their comma, the last ends in one brace.
        """
        rows = self.row.findall(text)
        if not rows:
            return None
        columns: Columns = tuple(zip(*rows, strict=True))  # type: ignore[assignment]
        matched = sum(len("".join(column)) for column in columns)
        literal = len(rows) * (self.literal + len(self.comma)) - len(self.comma) + 1
        return columns if matched + literal == len(text) else None


Columns = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Names, dtypes, shapes, starts and ends, as they are written."""

_LAYOUTS = (_Layout(""), _Layout(" "))
"""The Rust writer's, and that of Python's `json.dumps`."""


def parse_header(raw: bytes, body: int) -> tuple[dict[str, str], Tensors]:
    """Metadata and tensors of a header's JSON, `body` bytes of weights behind it; refused with `model_corrupt`."""
    if raw[:1] != b"{":
        raise corrupt("the header is not a JSON object")
    if not raw.isascii():
        _check_utf8(raw)
    if len(raw) > SHORTEST_ENTRY * MAX_TENSORS and raw.count(b'"data_offsets"') > MAX_TENSORS:
        raise corrupt(f"it lists more than {MAX_TENSORS} tensors")
    leading = _LEADING_METADATA.match(raw)
    if leading is None:
        found, start = None, 1
    else:
        found, start = _parse_metadata(raw, leading.end())
        separator = _SEPARATOR.match(raw, start)
        if separator is None:
            raise corrupt("the header is not valid JSON after its metadata")
        start = separator.end() if separator[1] == b"," else start
    tensors: Tensors | None = None
    if len(raw) - start <= LARGEST_FAST:
        section = raw[start:].strip(b" \t\r\n")
        read = _tensors_of_section if len(section) <= LARGEST_CACHED else _tensors_of_section.__wrapped__
        tensors = read(section, body)
    if tensors is None:
        found, columns = _parse_entries(raw, start, found)
        tensors = _checked(columns, body, ",")
    return found or {}, tensors


def _check_utf8(raw: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for begin in range(0, len(raw), 1 << 20):
            decoder.decode(raw[begin : begin + (1 << 20)])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise corrupt("the header is not valid UTF-8") from None


def _parse_metadata(raw: bytes, position: int) -> tuple[dict[str, str], int]:
    """String-to-string pairs from just behind the opening brace; the position behind the closing one."""
    metadata: dict[str, str] = {}
    dropped: set[str] = set()
    room = KEPT_METADATA
    closing = _CLOSE.match(raw, position)
    while closing is None:
        pair = _PAIR.match(raw, position)
        if pair is None:
            raise corrupt("the metadata in the header is not text to text")
        position = pair.end()
        size = pair.end(2) - pair.start(2)
        if pair.end(1) - pair.start(1) > MAX_NAME:
            raise corrupt(f"a metadata key is longer than {MAX_NAME} bytes")
        key = _text(pair[1])
        if key in metadata or key in dropped:
            raise corrupt(f"the metadata names {key[:80]!r} twice")
        if len(metadata) + len(dropped) >= MAX_METADATA:
            raise corrupt(f"it has more than {MAX_METADATA} metadata entries")
        if size <= room:
            metadata[key] = _text(pair[2])
            room -= size
        else:
            dropped.add(key)
        if pair[3] == b"}":
            return metadata, position
    return metadata, closing.end()


def _text(token: bytes) -> str:
    return json.loads(b'"%b"' % token) if b"\\" in token else token.decode()


@lru_cache(maxsize=96)
def _tensors_of_section(section: bytes, body: int) -> Tensors | None:
    """The fast way for the two layouts that writers use; None for any other.

    Cached, because adapters of one trainer, rank and base differ in metadata only: equal bytes, equal verdict.
    """
    try:
        text = section.decode("ascii")
    except UnicodeDecodeError:
        return None
    for layout in _LAYOUTS:
        columns = layout.columns(text)
        if columns is not None:
            return _checked(columns, body, layout.comma)
    return None


def _parse_entries(
    raw: bytes, position: int, metadata: dict[str, str] | None
) -> tuple[dict[str, str] | None, Columns | None]:
    """Any layout that JSON allows, entry by entry; metadata too, where it does not stand first."""
    rows: list[tuple[str, str, str, str, str]] = []
    match = _CLOSE.match(raw, position) if raw[position - 1 : position] != b"," else None
    separator = b"," if match is None else b"}"
    position = position if match is None else match.end()
    while separator == b",":
        key = _KEY.match(raw, position)
        if key is None or key.end(1) - key.start(1) > 6 * MAX_NAME:
            raise corrupt("the header is not valid JSON of tensors by name")
        name = _text(key[1])
        if name == "__metadata__":
            if metadata is not None:
                raise corrupt("the header names '__metadata__' twice")
            metadata, position = _parse_metadata(raw, key.end())
        elif _NAME.fullmatch(name) is None:
            raise corrupt("a tensor's name has characters that names do not have")
        else:
            row, position = _parse_entry(raw, key.end(), name)
            rows.append(row)
        match = _SEPARATOR.match(raw, position)
        if match is None or len(rows) > MAX_TENSORS:
            raise corrupt("the header is not valid JSON of tensors by name")
        separator, position = match[1], match.end()
    if raw[position:].strip(b" \t\r\n"):
        raise corrupt("something follows the header's JSON")
    return metadata, tuple(zip(*rows, strict=True)) or None  # type: ignore[return-value]


def _parse_entry(raw: bytes, position: int, name: str) -> tuple[tuple[str, str, str, str, str], int]:
    fields: dict[bytes, bytes] = {}
    separator = b","
    while separator == b",":
        field = _FIELD.match(raw, position)
        if field is None or field[1] in fields or (field[2] is not None) != (field[1] == b"dtype"):
            raise corrupt(f"the entry of tensor {name[:80]!r} is not a dtype, a shape and two offsets")
        fields[field[1]] = field[2] if field[2] is not None else b"".join(field[3].split())
        separator, position = field[4], field.end()
    if len(fields) != 3 or any(value.endswith(b",") for value in fields.values()):
        raise corrupt(f"the entry of tensor {name[:80]!r} is not a dtype, a shape and two offsets")
    offsets = fields[b"data_offsets"].decode().split(",")
    if len(offsets) != 2:
        raise corrupt(f"tensor {name[:80]!r} does not have two offsets")
    return (name, fields[b"dtype"].decode(), fields[b"shape"].decode(), offsets[0], offsets[1]), position


# ------------------------------------------------------------------------------------------------------- the checks


def _checked(columns: Columns | None, body: int, comma: str) -> Tensors:
    """Names sound and single, types known, shapes as large as their bytes, bytes without overlap, hole or rest."""
    if columns is None:
        if body:
            raise corrupt(f"no tensor claims the {body} bytes behind the header")
        return Tensors((), (), (), ())
    names, dtypes, written, starts, ends = columns
    _check_names(names)
    kinds = {dtype: dtype for dtype in dtypes}
    unknown = kinds.keys() - BITS.keys()
    if unknown:
        raise corrupt(f"a tensor has the unknown type {min(unknown)[:20]!r}")
    shapes = {shape: tuple(map(int, shape.split(comma))) if shape else () for shape in set(written)}
    _check_shapes(shapes.values())
    finishes = tuple(map(int, ends))
    in_order = starts[0] == "0" and starts[1:] == ends[:-1]
    begins = (0, *finishes[:-1]) if in_order else tuple(map(int, starts))
    _check_spans(begins, finishes, body, in_order=in_order)
    # Files have thousands of tensors and a few dozen kinds of them, so each kind is checked once.
    for dtype, shape, length in set(zip(dtypes, written, map(sub, finishes, begins), strict=True)):
        if length * 8 != prod(shapes[shape]) * BITS[dtype]:
            raise corrupt(f"a {dtype} tensor of shape [{shape[:80]}] has {length} bytes, which is not its size")
    return Tensors(names, tuple(map(kinds.__getitem__, dtypes)), tuple(map(shapes.__getitem__, written)), begins)


def _check_shapes(shapes: Iterable[tuple[int, ...]]) -> None:
    for shape in shapes:
        if len(shape) > MAX_DIMENSIONS:
            raise corrupt(f"a tensor has {len(shape)} dimensions, at most {MAX_DIMENSIONS} are read")
        if prod(filter(None, shape)) >= 1 << 56:
            raise corrupt("a tensor's shape overflows")


def _check_names(names: tuple[str, ...]) -> None:
    if len(set(names)) != len(names):
        raise corrupt("it names a tensor twice")
    if max(map(len, names)) > MAX_NAME:
        raise corrupt(f"a tensor's name is longer than {MAX_NAME} characters")
    joined = "\n".join(names)
    if "__metadata__" in names:
        raise corrupt("the header names '__metadata__' twice")
    if "/" in joined and ("../" in joined or "\n/" in joined or joined[0] == "/"):
        raise corrupt("a tensor is named like a path")


def _check_spans(begins: tuple[int, ...], ends: tuple[int, ...], body: int, *, in_order: bool) -> None:
    """Sorted by where they begin, every span begins where the one before it ends, and the last ends with the file."""
    if not in_order:
        spans = sorted(zip(begins, ends, strict=True))
        begins, ends = tuple(span[0] for span in spans), tuple(span[1] for span in spans)
        if begins[0] != 0 or begins[1:] != ends[:-1]:
            raise corrupt("its tensors overlap or leave a hole")
    if ends[-1] != body:
        word = "cut short" if ends[-1] > body else "followed by bytes that no tensor claims"
        raise corrupt(f"its tensors fill {ends[-1]} bytes and {body} are there: it was {word}")
