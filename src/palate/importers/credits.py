"""From what metadata calls a model to the model it is: by hash, then by name, else unknown and shown as such."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from palate.catalogue.records import Credit, CreditRole, Drawing, Model

WEIGHTS_SUFFIXES = (".safetensors", ".sft", ".ckpt", ".gguf", ".pt", ".pth", ".bin")
SHORTENED = (12, 10)
"""Lengths that tools cut hashes to: AutoV3 and Kohya's 12, AutoV2's 10. AutoV1's 8 are a hash of their own."""
SURE = 10
"""Hexadecimal digits from which two models with one hash are the same content, not a coincidence."""


def name_key(name: str) -> str:
    """What two spellings of one name share: the file's stem without its folders, in one case and one Unicode form."""
    stem = name.replace("\\", "/").rstrip("/").rpartition("/")[2].strip()
    for suffix in WEIGHTS_SUFFIXES:
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    return unicodedata.normalize("NFC", stem).casefold()


class ModelIndex:
    """Models by every hash and name they are known by; each look-up costs the same however many there are."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._by_id: dict[str, Model] = {}
        self._by_hash: dict[str, list[Model]] = defaultdict(list)
        self._by_name: dict[str, list[Model]] = defaultdict(list)
        for model in models:
            self._by_id[model.id] = model
            for known in _hashes(model):
                self._by_hash[known].append(model)
            for key in _names(model):
                self._by_name[key].append(model)

    def match(self, credit: Credit) -> Credit:
        """The credit with its model, or unchanged but `unknown`."""
        if credit.matched == "given":
            found = self._by_id.get(credit.name) or self._named(credit.name, None)
            if found is None:
                return replace(credit, matched="unknown")
            role: CreditRole = "adapter" if found.kind == "adapter" else "checkpoint"
            return replace(credit, model_id=found.id, role=role)
        if found := self._hashed(credit):
            return replace(credit, model_id=found.id, matched="hash")
        if found := self._named(credit.name, credit.role):
            return replace(credit, model_id=found.id, matched="name")
        return replace(credit, model_id=None, matched="unknown")

    def _hashed(self, credit: Credit) -> Model | None:
        if not credit.hash:
            return None
        shortened = (credit.hash[:length] for length in SHORTENED if length < len(credit.hash))
        for hash_of_it in (credit.hash, *shortened):
            found = [model for model in self._by_hash.get(hash_of_it, ()) if _can_be(model, credit.role)]
            if len(found) > 1:
                named = [model for model in found if name_key(credit.name) in _names(model)]
                found = named or (found if len(hash_of_it) >= SURE else [])
            if found:
                return min(found, key=_preference)
        return None

    def _named(self, name: str, role: CreditRole | None) -> Model | None:
        """The one model of this name; of several, the one whose folders the name also gives; else nobody."""
        found = [m for m in self._by_name.get(name_key(name), ()) if role is None or _can_be(m, role)]
        able = [model for model in found if model.kind != "listed"] or found
        if not _one_content(able):
            tail = "/" + _path_key(name)
            able = [model for model in able if ("/" + _path_key(model.location)).endswith(tail)]
        return min(able, key=_preference) if _one_content(able) else None


def match_credits(drawing: Drawing, index: ModelIndex) -> Drawing:
    """The drawing with every credit matched as well as the models at hand allow."""
    return replace(drawing, credits=tuple(index.match(credit) for credit in drawing.credits))


def _hashes(model: Model) -> set[str]:
    known = {each.lower() for each in (model.full_hash, *model.known_hashes) if each}
    return known | {each[:length] for each in known for length in SHORTENED if length < len(each)}


def _names(model: Model) -> set[str]:
    """By its own name, its file's, and the one it was trained under, which some tools write instead."""
    trained_as = model.card.get("ss_output_name")
    spellings = (model.name, model.location, trained_as if isinstance(trained_as, str) else "")
    return {key for key in map(name_key, spellings) if key}


def _can_be(model: Model, role: CreditRole) -> bool:
    return model.kind == "listed" or (model.kind == "adapter") == (role == "adapter")


def _path_key(path: str) -> str:
    """The folders a name gives, and its key."""
    folders = path.replace("\\", "/").casefold().rpartition("/")[0].strip("/")
    return f"{folders}/{name_key(path)}" if folders else name_key(path)


def _one_content(models: list[Model]) -> bool:
    return len({model.full_hash or model.id for model in models}) == 1


def _preference(model: Model) -> tuple[bool, bool, str]:
    return model.kind == "listed", model.state != "ready", model.id
