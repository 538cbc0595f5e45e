"""What training changes: a LoRA on the language model (Hu et al. 2022), or all of it; and the folder it is kept in.

A trained folder holds `trained.json` (the network it is for, how pictures are seen), a whole network where codes or all
weights learned, and its adapters in the order in which they are to be merged: GRPO's stands on SFT's. Safetensors only.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palate.encoders.places import read_config
from palate.errors import PalateError
from palate.personalise.janus import Janus, Seen, open_janus
from palate.quiet import quietly
from palate.safety.weights import read_header

if TYPE_CHECKING:
    import torch

TRAINED = "trained.json"
WEIGHTS = "adapter_model.safetensors"
PARTS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
WHOLE = "network"
"""Where the weights of a full training are."""


@dataclass(frozen=True, slots=True)
class Trained:
    """`kind` is codes, sft or grpo; `adapters` are folders beside, merged in this order onto `base` of `version`."""

    base: str
    kind: str
    seen: Seen
    adapters: tuple[str, ...] = ()
    full: bool = False
    version: str = ""
    """Of the base's weights; '' in folders that were written before it was kept."""


def add_adapter(janus: Janus, *, rank: int, alpha: float, seed: int = 0) -> None:
    """A fresh LoRA that changes nothing yet; everything else stops learning."""
    import torch
    from peft import LoraConfig, get_peft_model

    janus.network.requires_grad_(False)
    shape = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=list(PARTS), bias="none")
    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(seed)
        janus.network.model.language_model = get_peft_model(janus.network.model.language_model, shape)


def learn_all(janus: Janus) -> None:
    """The language model and the writing half's embeddings and head learn; reading half and codes do not.

    In float32: a step of 4e-5 on a weight of 0.02 is less than bfloat16 can tell.
    """
    janus.network.requires_grad_(False)
    inner = janus.network.model
    for part in (inner.language_model, inner.generation_embeddings, inner.generation_aligner, inner.generation_head):
        part.float().requires_grad_(True)


def learning(janus: Janus) -> dict[str, torch.nn.Parameter]:
    return {name: weight for name, weight in janus.network.named_parameters() if weight.requires_grad}


def is_adapted(janus: Janus) -> bool:
    return hasattr(janus.network.model.language_model, "disable_adapter")


@contextmanager
def reference(janus: Janus) -> Iterator[None]:
    """The network as it was before: the adapter switched off."""
    if not is_adapted(janus):
        raise PalateError("no_adapter", "without an adapter there is no reference to keep to", about=janus.name)
    with janus.network.model.language_model.disable_adapter():
        yield


def merge(janus: Janus) -> None:
    """The adapter becomes part of the weights."""
    if is_adapted(janus):
        with quietly():
            janus.network.model.language_model = janus.network.model.language_model.merge_and_unload()


def save_trained(janus: Janus, folder: Path, trained: Trained, *, before: Path | None = None) -> Path:
    """What was learned, and copies of the adapters it stands on, so that the folder needs only its base."""
    folder.mkdir(parents=True, exist_ok=True)
    with quietly():
        if trained.full:
            janus.network.save_pretrained(folder / WHOLE)
            janus.words.save_pretrained(folder / WHOLE)
            _copy_processor(janus, folder / WHOLE)
        else:
            janus.network.model.language_model.save_pretrained(folder / trained.adapters[-1])
    for name in trained.adapters[:-1]:
        if before is not None and not (folder / name).exists():
            shutil.copytree(before / name, folder / name)
    if before is not None and (before / WHOLE).is_dir() and not trained.full and not (folder / WHOLE).exists():
        shutil.copytree(before / WHOLE, folder / WHOLE)
    scratch = folder / f"{TRAINED}.new"
    scratch.write_text(json.dumps(asdict(trained), indent=2) + "\n")
    scratch.replace(folder / TRAINED)
    return folder


def _copy_processor(janus: Janus, folder: Path) -> None:
    """What `preprocessing_of` reads again."""
    made = janus.preprocessing
    values = {
        "size": {"height": made.height, "width": made.width},
        "image_mean": list(made.mean),
        "image_std": list(made.std),
        "resample": made.resample,
        "do_center_crop": False,
    }
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": values}, indent=2) + "\n")


def read_trained(folder: Path) -> Trained:
    values = read_config(folder, TRAINED)
    if not values:
        raise PalateError("not_trained", "nothing that was trained lies here", about=str(folder))
    try:
        return Trained(
            str(values["base"]),
            values["kind"],
            values["seen"],
            tuple(values["adapters"]),
            bool(values["full"]),
            str(values.get("version", "")),
        )
    except KeyError as missing:
        raise PalateError("model_corrupt", f"{TRAINED} has no {missing}", about=str(folder)) from None


def open_trained(folder: Path, *, device: str | None = None) -> tuple[Janus, Trained]:
    """The network with everything that was learned merged into it."""
    trained = read_trained(folder)
    whole = folder / WHOLE
    janus = open_janus(str(whole) if whole.is_dir() else trained.base, device=device)
    if not whole.is_dir() and trained.version not in ("", janus.version):
        said = f"it was trained on {trained.version} of {trained.base}, and {janus.version} is here"
        raise PalateError("trained_elsewhere", said, about=str(folder), hint="train again")
    janus.name, janus.version = trained.base, trained.version or janus.version
    for name in trained.adapters:
        _merge_from(janus, folder / name)
    return janus, trained


def is_for(trained: Trained, base: str, here: str | None) -> bool:
    """Whether it stands on this network, and on the weights of it that are `here` (None: nobody knows)."""
    return trained.base == base and (trained.full or here is None or trained.version in ("", here))


def _merge_from(janus: Janus, folder: Path) -> None:
    from peft import PeftModel

    if folder.parent.resolve() != folder.resolve().parent or not (folder / WEIGHTS).is_file():
        raise PalateError("not_trained", "an adapter of it is missing", about=str(folder))
    read_header((folder / WEIGHTS).resolve())  # peft would also open a pickle, if that were all there is
    inner: Any = janus.network.model
    with quietly():
        inner.language_model = PeftModel.from_pretrained(inner.language_model, folder, local_files_only=True)
    merge(janus)
