"""A Janus that draws after a history: the forward path that `generate` lacks, for any size of it.

`JanusForConditionalGeneration.generate` reads no pictures when it draws. Here a history's pictures stand in the prefix,
either as what the reading half sees of them (`vision`) or as the codes that the writing half would draw them with
(`codes`), and the logits of the new picture's codes are those of `generation_head` after that prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from palate.catalogue.records import digest
from palate.encoders.places import find_folder, read_config, require_sound
from palate.encoders.preprocessing import Preprocessing, read_preprocessing
from palate.encoders.running import best_device
from palate.errors import PalateError
from palate.personalise.template import Wording, wording_of
from palate.quiet import quietly

if TYPE_CHECKING:
    import torch

Seen = Literal["vision", "codes"]
PICTURES_AT_A_TIME = 64
SAMPLED, SAMPLE_BYTES = 64, 4096


class Liked(NamedTuple):
    """One item as it is told: its words, and its picture as (places, width)."""

    words: str
    picture: torch.Tensor


@dataclass(frozen=True, slots=True)
class Told:
    """Prefixes of b people, padded on their left. embedded, blank: (b, t, width); mask: (b, t), 0 where padded.

    `blank` is the unconditional branch: every token but the first and the last is padding (Chen et al. 2025).
    """

    embedded: torch.Tensor
    blank: torch.Tensor
    mask: torch.Tensor

    def rows(self, start: int, stop: int) -> Told:
        return Told(self.embedded[start:stop], self.blank[start:stop], self.mask[start:stop])


class Janus:
    """The network with its tokenizer, on its device. Its reading half and its codes are never trained here."""

    def __init__(
        self,
        name: str,
        network: Any,
        words: Any,
        preprocessing: Preprocessing,
        *,
        device: str | None = None,
        version: str = "",
    ) -> None:
        self.name, self.words, self.preprocessing, self.version = name, words, preprocessing, version
        self.device = device or best_device()
        self.network = network.to(self.device).eval()
        self.network.model.vision_model.requires_grad_(False)
        self.network.model.aligner.requires_grad_(False)
        self.network.model.vqmodel.requires_grad_(False).float()  # in half precision the nearest code is another one
        self.wording: Wording = wording_of(words)
        config = network.config
        self.places = int(config.vision_config.num_image_tokens)
        self.codes_a_picture = int(config.vq_config.num_patches) ** 2
        self.longest = int(config.text_config.max_position_embeddings)
        self.place_id = int(config.image_token_id)

    def mixed(self, half: bool = False) -> Any:
        """Float32 weights multiplied in bfloat16: on a GPU (a full training's), elsewhere where `half` asks for it."""
        import torch

        whole = self.network.get_input_embeddings().weight.dtype == torch.float32
        kind = self.device.partition(":")[0]
        return torch.autocast(kind, torch.bfloat16, enabled=whole and (half or kind == "cuda"))

    # -- pictures in --------------------------------------------------------------------------------------------

    def see(self, pictures: Sequence[Image.Image], seen: Seen) -> torch.Tensor:
        """(n, places, width): pictures as a history holds them, by the one half or the other."""
        import torch

        if seen == "codes":
            if self.places != self.codes_a_picture:
                said = f"a picture is {self.codes_a_picture} codes, and a history has room for {self.places}"
                raise PalateError("unknown_network", said, about=self.name)
            with torch.no_grad():
                found: torch.Tensor = self.network.prepare_embeddings_for_image_generation(self.coded(pictures))
            return found
        parts = [torch.empty(0)]
        with torch.no_grad():
            for start in range(0, len(pictures), PICTURES_AT_A_TIME):
                pixels = self._pixels(pictures[start : start + PICTURES_AT_A_TIME])
                kind = next(self.network.model.vision_model.parameters()).dtype
                parts.append(self.network.model.get_image_features(pixels.to(kind)).pooler_output)
        return torch.cat(parts[1:]) if len(parts) > 1 else torch.empty(0, self.places, 0)

    def coded(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        """(n, codes) of whole pictures, squashed to the network's side."""
        import torch

        side = int(self.network.config.vision_config.image_size)
        parts = []
        with torch.no_grad():
            for start in range(0, len(pictures), PICTURES_AT_A_TIME):
                sized = [_squashed(picture, side) for picture in pictures[start : start + PICTURES_AT_A_TIME]]
                pixels = torch.from_numpy(np.stack(sized)).to(self.device).permute(0, 3, 1, 2) / 127.5 - 1
                tokens = self.network.model.vqmodel.encode(pixels).image_tokens
                parts.append(tokens.reshape(len(sized), -1))
        return torch.cat(parts)

    def decoded(self, codes: torch.Tensor) -> list[Image.Image]:
        """(n, codes) -> n pictures."""
        import torch

        made: list[Image.Image] = []
        with torch.no_grad():
            for part in torch.split(codes, PICTURES_AT_A_TIME):
                pixels = self.network.decode_image_tokens(part).float().clamp(-1, 1)
                levels = ((pixels + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
                made += [Image.fromarray(each) for each in levels]
        return made

    def given_back(self, pictures: Sequence[Image.Image]) -> float:
        """The share of the pictures' variance that their codes keep: 1 all, 0 no more than each one's mean colour."""
        side = int(self.network.config.vision_config.image_size)
        real = np.stack([_squashed(picture, side) for picture in pictures]).astype(np.float64)
        again = np.stack([_squashed(picture, side) for picture in self.decoded(self.coded(pictures))])
        apart = ((real - again) ** 2).sum()
        return float(1.0 - apart / max(((real - real.mean(axis=(1, 2), keepdims=True)) ** 2).sum(), 1e-9))

    def _pixels(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        import torch

        sized = torch.from_numpy(self.preprocessing.stacked(pictures)).to(self.device)
        return self.preprocessing.normalised(sized)

    # -- histories in -------------------------------------------------------------------------------------------

    def tell(self, histories: Sequence[Sequence[Liked]]) -> Told:
        """The prefixes of several people; a history too long for the network loses its oldest items."""
        import torch

        texts, kept = [], []
        for history in histories:
            text, items = self._fitted(list(history))
            texts.append(text)
            kept += items
        batch = self.words(texts, padding=True, padding_side="left", return_tensors="pt")
        ids, mask = batch["input_ids"].to(self.device), batch["attention_mask"].to(self.device)
        embed = self.network.get_input_embeddings()
        embedded = embed(ids)
        if kept:
            pictures = torch.cat([item.picture for item in kept]).to(self.device, embedded.dtype)
            embedded = embedded.masked_scatter((ids == self.place_id)[..., None], pictures)
        first = torch.nn.functional.pad(mask, (1, 0))[:, :-1] < mask
        kept_ids = first | (torch.arange(ids.shape[1], device=ids.device) == ids.shape[1] - 1)
        blank = embed(ids.masked_fill(~kept_ids, self._padding()))
        return Told(embedded, blank, mask)

    def _padding(self) -> int:
        return int(self.words.pad_token_id if self.words.pad_token_id is not None else self.words.eos_token_id)

    def _fitted(self, history: list[Liked]) -> tuple[str, list[Liked]]:
        room = self.longest - self.codes_a_picture
        while True:
            text = self.wording.text([item.words for item in history], self.places)
            if len(self.words(text)["input_ids"]) <= room:
                return text, history
            if not history:
                raise PalateError("unknown_network", "it has no room for a history", about=self.name)
            history = history[1:]


def _squashed(picture: Image.Image, side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))


def logits(
    janus: Janus, told: Told, codes: torch.Tensor, *, group: int = 1, guidance: float = 1.0, temperature: float = 1.0
) -> torch.Tensor:
    """(b group, n, codebook): of each code given the history and the codes before it, as sampled with this guidance.

    Rows of a group follow each other and share their prefix, which is read once; gradients go through it.
    u + s (c - u) of the branches with and without the history (Chen et al. 2025, s their 5), over the temperature.
    """
    conditional = _branch(janus, told.embedded, told.mask, codes, group)
    if guidance == 1.0:
        return conditional / temperature
    blank = _branch(janus, told.blank, told.mask, codes, group)
    return guided(conditional, blank, guidance) / temperature


def guided(conditional: torch.Tensor, blank: torch.Tensor, guidance: float) -> torch.Tensor:
    """Classifier-free guidance (Ho and Salimans 2022, eq. 6), of logits."""
    return blank + guidance * (conditional - blank)


def _branch(janus: Janus, prefix: torch.Tensor, mask: torch.Tensor, codes: torch.Tensor, group: int) -> torch.Tensor:
    import torch

    language, count = janus.network.model.language_model, codes.shape[1]
    before = janus.network.prepare_embeddings_for_image_generation(codes[:, :-1]).to(prefix.dtype)
    if group == 1:
        whole = torch.cat([prefix, before], 1)
        seen = torch.cat([mask, torch.ones_like(codes[:, :-1])], 1)
        states = language(inputs_embeds=whole, attention_mask=seen, use_cache=False).last_hidden_state[:, -count:]
    else:
        read = language(inputs_embeds=prefix, attention_mask=mask, use_cache=True)
        cache = read.past_key_values
        cache.batch_repeat_interleave(group)
        first = read.last_hidden_state[:, -1:].repeat_interleave(group, 0)
        seen = torch.cat([mask.repeat_interleave(group, 0), torch.ones_like(codes[:, :-1])], 1)
        later = language(inputs_embeds=before, attention_mask=seen, past_key_values=cache, use_cache=True)
        states = torch.cat([first, later.last_hidden_state], 1)
    found: torch.Tensor = janus.network.model.generation_head(states).float()
    return found


def open_janus(name: str, *, device: str | None = None) -> Janus:
    """By hub id, folder, or `pocket`: float32 on a CPU, bfloat16 on a GPU."""
    import torch
    from transformers import AutoTokenizer, JanusForConditionalGeneration

    folder = find_folder(name, kind="janus")
    config = read_config(folder, "config.json")
    if config.get("model_type") != "janus":
        raise PalateError("unknown_network", f"its model_type {config.get('model_type')!r} is not janus", about=name)
    require_sound(folder, name)
    device = device or best_device()
    kind = torch.float32 if device == "cpu" else torch.bfloat16
    safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with quietly():
        words = AutoTokenizer.from_pretrained(folder, **safely)
        network = JanusForConditionalGeneration.from_pretrained(folder, use_safetensors=True, dtype=kind, **safely)
    return Janus(name, network, words, preprocessing_of(folder, config), device=device, version=version_of(folder))


def version_of(folder: Path) -> str:
    """Which weights a folder holds: 12 characters of a hash of their sizes and of `SAMPLED` places in each file.

    A name such as `pocket` stays when its weights change, and what was trained on the earlier ones is worth nothing
    then. Any training changes nearly every weight, so that a sample tells, and 15 GB need not be read.
    """
    found = []
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        with path.open("rb") as file:
            for place in range(SAMPLED):
                file.seek(size * place // SAMPLED)
                found.append(file.read(SAMPLE_BYTES))
        found.append(str(size).encode())
    return digest(*found)[:12]


def preprocessing_of(folder: Path, config: dict[str, Any]) -> Preprocessing:
    """As the folder says; pictures are squashed, so that nothing of a poster is lost."""
    return read_preprocessing(folder, config, "squash", own="squash")
