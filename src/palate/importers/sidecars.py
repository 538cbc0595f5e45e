"""What people and tools have written down beside a model or in its header, read as data and never trusted.

Read are kohya's `ss_*` and `modelspec.*` header metadata, Civitai's `.civitai.info`, Lora-Manager's `.metadata.json`,
Stability Matrix's `.cm-info.json`, SwarmUI's `.swarm.json`, A1111's user `.json`, and the front matter of a hub card.
Texts are kept exactly (but for lone surrogates, which no database can hold and which are shown as escapes) up to a
length. Whatever is too large, too deep, of a wrong type or not UTF-8 is left out with a reason, and nothing else is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from palate.errors import PalateError
from palate.importers.bases import PARENT, base_family
from palate.safety.paths import read_regular

_Value = TypeVar("_Value")

LARGEST_SIDECAR = 2 * 1024 * 1024
LARGEST_CARD = 64 * 1024
DEEPEST_CARD = 16
LONGEST_NAME = 512
LONGEST_TEXT = 4096
LONGEST_LIST = 256
MOST_DOWNLOADS = 1 << 53
TRAINED_TAGS = 20

PREVIEW_ENDINGS = tuple(
    stem + kind for stem in (".preview", "") for kind in (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif")
)


@dataclass(frozen=True, slots=True)
class About:
    """What one source says of a model; None and empty where it says nothing."""

    name: str | None = None
    base: str | None = None
    base_location: str | None = None
    trigger_words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    downloads: int | None = None
    maker: str | None = None
    licence: str | None = None
    known_hashes: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)


def merged(sources: Iterable[About]) -> About:
    """One account of all: the first source that says a thing is believed, lists are joined.

    A family is refined by later sources: SDXL in one and Pony, which is an SDXL, in another is Pony.
    """
    ordered = list(sources)
    base: str | None = None
    for source in ordered:
        base = refined(base, source.base)
    card: dict[str, Any] = {}
    for source in reversed(ordered):
        card.update(source.card)
    return About(
        name=_first(source.name for source in ordered),
        base=base,
        base_location=_first(source.base_location for source in ordered),
        trigger_words=_joined(source.trigger_words for source in ordered),
        tags=_joined(source.tags for source in ordered),
        downloads=_first(source.downloads for source in ordered),
        maker=_first(source.maker for source in ordered),
        licence=_first(source.licence for source in ordered),
        known_hashes=_joined(source.known_hashes for source in ordered),
        card=card,
    )


def refined(family: str | None, other: str | None) -> str | None:
    """`other` where nothing is known yet or where it descends from `family`."""
    if family is None:
        return other
    ancestor = PARENT.get(other) if other is not None else None
    while ancestor is not None:
        if ancestor == family:
            return other
        ancestor = PARENT.get(ancestor)
    return family


def _first(values: Iterable[_Value | None]) -> _Value | None:
    return next((value for value in values if value is not None), None)


def _joined(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for items in lists for item in items))[:LONGEST_LIST]


# ------------------------------------------------------------------------------------------------------- plain values


def text_of(value: object, longest: int = LONGEST_TEXT) -> str | None:
    """A text that says something, cut at `longest` characters; None for anything else."""
    if not isinstance(value, str) or not value or value.isspace():
        return None
    cut = value[:longest]
    return cut if cut.isascii() else cut.encode("utf-8", "backslashreplace").decode()


def texts_of(value: object, longest: int = LONGEST_NAME) -> tuple[str, ...]:
    """The texts of a list, or of one text with commas."""
    if isinstance(value, str):
        value = value[: longest * LONGEST_LIST].split(",")
    if not isinstance(value, list):
        return ()
    texts = (text_of(item.strip(), longest) for item in value[:LONGEST_LIST] if isinstance(item, str))
    return tuple(dict.fromkeys(text for text in texts if text is not None))


def mapping_of(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def count_of(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < MOST_DOWNLOADS else None  # type: ignore[operator,return-value]


_HASH = re.compile(r"(?:0x)?([0-9a-fA-F]{8,64})\Z")


def hashes_of(values: Iterable[object]) -> tuple[str, ...]:
    """Hexadecimal hashes of any tool, lower-case, without `0x`."""
    matches = (_HASH.match(value) for value in values if isinstance(value, str) and len(value) <= 66)
    return tuple(dict.fromkeys(match[1].lower() for match in matches if match))


def _family(value: object) -> str | None:
    return base_family(value) if isinstance(value, str) else None


def _card(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, (), "", {})}


_HUB_ID = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}/[A-Za-z0-9][\w.\-]{0,95}\Z", re.ASCII)
_WEIGHTS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")


def hub_id_of(value: object) -> str | None:
    """The text, where it has the form of a hub id (`maker/name`) and not of a file."""
    if isinstance(value, str) and _HUB_ID.match(value) and not value.lower().endswith(_WEIGHTS) and ".." not in value:
        return value
    return None


# ------------------------------------------------------------------------------------------------------- the sources


def from_header(metadata: Mapping[str, str]) -> About:
    """kohya's `ss_*`, `sshs_*` and `modelspec.*` entries of a safetensors header."""
    if not metadata:
        return About()
    get = metadata.get
    trained_on = get("ss_sd_model_name")
    family = _family(get("ss_base_model_version") or get("modelspec.architecture"))
    if family == "SD20" and "768" in (get("modelspec.resolution") or "") + (get("ss_v_parameterization") or ""):
        family = "SD20-768"
    return About(
        name=text_of(get("modelspec.title"), LONGEST_NAME) or text_of(get("ss_output_name"), LONGEST_NAME),
        base=refined(family, _family(trained_on)),
        base_location=hub_id_of(trained_on),
        trigger_words=texts_of(get("modelspec.trigger_phrase")),
        tags=texts_of(get("modelspec.tags")),
        maker=text_of(get("modelspec.author"), LONGEST_NAME),
        licence=text_of(get("modelspec.license"), LONGEST_NAME),
        known_hashes=hashes_of((get("sshs_model_hash"), get("sshs_legacy_hash"), get("modelspec.hash_sha256"))),
        card=_card(
            description=text_of(get("modelspec.description")),
            comment=text_of(get("ss_training_comment")),
            trained_on=text_of(trained_on, LONGEST_NAME),
            trained_on_hash=_first(iter(hashes_of((get("ss_new_sd_model_hash"), get("ss_sd_model_hash"))))),
            rank=text_of(get("ss_network_dim"), 16),
            prediction=text_of(get("modelspec.prediction_type"), 64),
            trained_tags=_trained_tags(get("ss_tag_frequency")),
        ),
    )


def _trained_tags(written: str | None) -> dict[str, int]:
    """The most frequent words of the training captions over all its folders."""
    if not written or len(written) > LARGEST_SIDECAR:
        return {}
    try:
        folders = mapping_of(json.loads(written))
    except (ValueError, RecursionError):
        return {}
    totals: dict[str, int] = {}
    for counts in map(mapping_of, folders.values()):
        if set(map(type, counts.values())) != {int}:
            continue
        if totals:
            for tag, count in counts.items():
                totals[tag] = totals.get(tag, 0) + count
        else:
            totals = dict(counts)
    fewest = min(sorted(totals.values())[-TRAINED_TAGS:], default=0)
    most = sorted((tag for tag, count in totals.items() if count >= fewest), key=totals.__getitem__, reverse=True)
    kept = [tag for tag in most[:TRAINED_TAGS] if count_of(totals[tag]) is not None]
    return {text_of(tag.strip(), 128) or "": totals[tag] for tag in kept}


def from_civitai(version: Mapping[str, Any]) -> About:
    """A model version as Civitai's API writes it; its file hashes name every file of that version."""
    model = mapping_of(version.get("model"))
    files = [mapping_of(file) for file in _list(version.get("files"))[:LONGEST_LIST]]
    hashes = [
        mapping_of(file.get("hashes")) for file in files if file.get("type", "Model") in ("Model", "Pruned Model")
    ]
    commercial = model.get("allowCommercialUse")
    return About(
        name=_with_version(text_of(model.get("name"), LONGEST_NAME), text_of(version.get("name"), LONGEST_NAME)),
        base=_family(version.get("baseModel")),
        trigger_words=texts_of(version.get("trainedWords"), LONGEST_TEXT),
        tags=_tags(version.get("tags")) or _tags(model.get("tags")),
        downloads=count_of(mapping_of(version.get("stats")).get("downloadCount")),
        maker=text_of(mapping_of(version.get("creator") or model.get("creator")).get("username"), LONGEST_NAME),
        licence=text_of(commercial, LONGEST_NAME) or ", ".join(texts_of(commercial)) or None,
        known_hashes=hashes_of(value for row in hashes for kind, value in row.items() if kind != "CRC32"),
        card=_card(
            civitai_model=count_of(version.get("modelId")),
            civitai_version=count_of(version.get("id")),
            description=text_of(version.get("description")) or text_of(model.get("description")),
            adult=model.get("nsfw") if isinstance(model.get("nsfw"), bool) else None,
        ),
    )


def from_lora_manager(info: Mapping[str, Any]) -> About:
    """Lora-Manager's own fields before the Civitai version it keeps among them."""
    own = About(
        name=text_of(info.get("model_name"), LONGEST_NAME),
        base=_family(info.get("base_model")),
        tags=_tags(info.get("tags")),
        known_hashes=hashes_of([info.get("sha256")]),
        card=_card(description=text_of(info.get("modelDescription")), notes=text_of(info.get("notes"))),
    )
    return merged((own, from_civitai(mapping_of(info.get("civitai")))))


def from_stability_matrix(info: Mapping[str, Any]) -> About:
    return About(
        name=_with_version(
            text_of(info.get("ModelName"), LONGEST_NAME), text_of(info.get("VersionName"), LONGEST_NAME)
        ),
        base=_family(info.get("BaseModel")),
        trigger_words=texts_of(info.get("TrainedWords"), LONGEST_TEXT),
        tags=_tags(info.get("Tags")),
        downloads=count_of(mapping_of(info.get("Stats")).get("downloadCount")),
        known_hashes=hashes_of(value for kind, value in mapping_of(info.get("Hashes")).items() if kind != "CRC32"),
        card=_card(
            civitai_model=count_of(info.get("ModelId")),
            civitai_version=count_of(info.get("VersionId")),
            description=text_of(info.get("ModelDescription")),
        ),
    )


def from_swarm(info: Mapping[str, Any]) -> About:
    return from_header({key: value for key, value in info.items() if isinstance(value, str)})


def from_a1111(info: Mapping[str, Any]) -> About:
    """The user metadata that A1111 and Forge write: what to type, and how strongly."""
    weight = info.get("preferred weight")
    return About(
        base=_family(info.get("sd version")),
        trigger_words=texts_of(info.get("activation text"), LONGEST_TEXT),
        card=_card(
            description=text_of(info.get("description")),
            notes=text_of(info.get("notes")),
            negative=text_of(info.get("negative text")),
            weight=float(weight) if isinstance(weight, int | float) and 0 < abs(weight) < 100 else None,
        ),
    )


def from_card(card: Mapping[str, Any]) -> About:
    """The front matter of a hub card (keys as the hub defines them)."""
    written = card.get("base_model")
    parents = [written] if isinstance(written, str) else _list(written)
    base_id = _first(map(hub_id_of, parents))
    return About(
        name=text_of(card.get("model_name"), LONGEST_NAME),
        base=_first(map(_family, parents)),
        base_location=base_id,
        trigger_words=tuple(filter(None, [text_of(card.get("instance_prompt"), LONGEST_TEXT)])),
        tags=texts_of(card.get("tags")),
        licence=text_of(card.get("license_name"), LONGEST_NAME) or text_of(card.get("license"), LONGEST_NAME),
    )


def _with_version(model: str | None, version: str | None) -> str | None:
    if model is None or version is None or version.casefold() in model.casefold():
        return model or version
    return f"{model} {version}"


def _tags(value: object) -> tuple[str, ...]:
    """Tags are texts, or objects with a name in older answers of Civitai."""
    return texts_of([mapping_of(tag).get("name", tag) for tag in _list(value)])


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# ------------------------------------------------------------------------------------------------------- reading files

SIDECARS: tuple[tuple[str, Callable[[Mapping[str, Any]], About]], ...] = (
    (".civitai.info", from_civitai),
    (".metadata.json", from_lora_manager),
    (".cm-info.json", from_stability_matrix),
    (".swarm.json", from_swarm),
    (".json", from_a1111),
)
"""Endings that replace `.safetensors`, most trusted first."""


def read_sidecars(root: str, folder: str, stem: str, names: frozenset[str]) -> tuple[list[About], list[str]]:
    """What the files beside `folder/stem.*` say, most trusted first, and why any of them was ignored."""
    found: list[About] = []
    ignored: list[str] = []
    for ending, read in SIDECARS:
        name = stem + ending
        if name in names:
            try:
                found.append(read(read_json(root, f"{folder}/{name}")))
            except PalateError as error:
                ignored.append(f"sidecar ignored: {error.message} ({ending})")
    preview = next((stem + ending for ending in PREVIEW_ENDINGS if stem + ending in names), None)
    if preview is not None:
        found.append(About(card={"preview": f"{folder}/{preview}"}))
    return found, ignored


def read_json(root: str, path: str) -> Mapping[str, Any]:
    """A JSON object of at most `LARGEST_SIDECAR` bytes, or `sidecar_ignored` with the reason."""
    text = _read_text(root, path, LARGEST_SIDECAR)
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise _ignored("it is nested too deeply") from None
    except ValueError:
        raise _ignored("it is not valid JSON") from None
    if not isinstance(value, dict):
        raise _ignored("it is not a JSON object")
    return value


def read_card(root: str, path: str) -> About:
    """The front matter of a README, or `sidecar_ignored` with the reason; nothing where it has none."""
    text = _read_text(root, path, LARGEST_SIDECAR)
    return from_card(front_matter(text))


def front_matter(text: str) -> Mapping[str, Any]:
    """The YAML between two lines of dashes, every scalar a text; aliases, which can grow without end, refused."""
    if not text.startswith("---"):
        return {}
    end = text.find("\n---", 3, LARGEST_CARD)
    if end < 0:
        raise _ignored(f"its front matter has no end within {LARGEST_CARD} bytes")
    import yaml  # type: ignore[import-untyped]

    try:
        return mapping_of(_value(yaml.parse(text[text.index("\n") + 1 : end + 1], Loader=yaml.BaseLoader)))
    except (yaml.YAMLError, ValueError):
        raise _ignored("its front matter is not valid YAML") from None


def _value(events: Iterable[Any]) -> object:
    """The value that a YAML parser's events spell, built without recursion and no deeper than `DEEPEST_CARD`.

    Not `yaml.safe_load`: its time grows with the square of the depth, and a few kilobytes of brackets take minutes.
    """
    root: list[Any] = []
    open_ones: list[list[Any]] = [root]
    for event in events:
        match type(event).__name__:
            case "ScalarEvent":
                open_ones[-1].append(event.value)
            case "SequenceStartEvent" | "MappingStartEvent":
                if len(open_ones) > DEEPEST_CARD:
                    raise _ignored("its front matter is nested too deeply")
                open_ones.append([])
            case "SequenceEndEvent":
                items = open_ones.pop()
                open_ones[-1].append(items)
            case "MappingEndEvent":
                items = open_ones.pop()
                pairs = zip(items[::2], items[1::2], strict=True)
                open_ones[-1].append({key: value for key, value in pairs if isinstance(key, str)})
            case "AliasEvent":
                raise _ignored("its front matter uses YAML aliases")
    return root[0] if root else None


def _read_text(root: str, path: str, limit: int) -> str:
    try:
        raw, _ = read_regular(root, path, limit)
    except (OSError, ValueError):
        raise _ignored("it cannot be opened") from None
    if len(raw) > limit:
        raise _ignored(f"it is larger than {limit} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _ignored("it is not valid UTF-8") from None


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _ignored(reason: str) -> PalateError:
    return PalateError("sidecar_ignored", reason)
