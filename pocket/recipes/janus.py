"""Trains the pocket Janus: `python -m recipes.janus` in pocket/, after vq; `--resume` goes on where it was.

A `transformers.JanusForConditionalGeneration` (Chen et al. 2025): one language model that writes a picture's codes for
words, words for a picture, and the next picture for a history of pictures. Each step is of one of the three kinds. It
learns from concepts that many families of sets draw (`--shared`), whose codes are computed once. Logged: `draw`,
`name`, `next`, the cross-entropies per code and per word of the three kinds; `held`, the same on held-out pictures; the
words are left out of one drawing in ten, as Janus guides itself.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.personalise.template import wording_of
from recipes import bpe, captions, checkpoints, clip, course, diffusion, pictures, schedule, sight, together, vq, work

if TYPE_CHECKING:
    import torch
    from transformers import JanusForConditionalGeneration, PreTrainedTokenizerFast

PLACES = 64
"""Codes of a picture, and vectors that the reading half makes of one."""
BEGIN, END, PLACE = "<begin_of_image>", "<end_of_image>", "<image_placeholder>"
BOS, EOS, PAD = "<|startoftext|>", "<|endoftext|>", "<|pad|>"
PERSON, ASSISTANT = "<|user|>", "<|assistant|>"
MARKS = [BOS, EOS, PAD, BEGIN, END, PLACE, PERSON, ASSISTANT]
QUESTION = "what is this"
HISTORIES = (0, 1, 2, 2, 3)
"""Pictures before the one to draw, one of these a batch: a few teach what many mean."""
WITHOUT_WORDS = 0.1


def tokenizer_from(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """The captions' byte pairs as for the pocket CLIP, with Janus' marks, and no mark put at the end by itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import CLIPTokenizer, PreTrainedTokenizerFast

    shape = CLIPTokenizer().backend_tokenizer
    words: Counter[str] = Counter()
    for word, count in Counter(" ".join([*texts, QUESTION]).split()).items():
        for piece, _ in shape.pre_tokenizer.pre_tokenize_str(shape.normalizer.normalize_str(word)):
            words[piece] += count
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(letter + bpe.FOLLOWS for letter in letters)]
    merges = bpe.learn_merges(words, vocabulary - len(tokens) - len(MARKS), fewest=3)
    tokens += [left + right for left, right in merges]
    numbers = {token: number for number, token in enumerate(dict.fromkeys([*MARKS, *tokens]))}
    inner = Tokenizer(models.BPE(numbers, merges, end_of_word_suffix=bpe.FOLLOWS))
    inner.normalizer, inner.pre_tokenizer = shape.normalizer, shape.pre_tokenizer
    inner.decoder = decoders.Sequence([decoders.BPEDecoder(suffix=bpe.FOLLOWS)])
    inner.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, numbers[BOS])])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        padding_side="left",
        extra_special_tokens={
            "image_token": PLACE,
            "boi_token": BEGIN,
            "eoi_token": END,
            "person_token": PERSON,
            "assistant_token": ASSISTANT,
        },
    )


def janus_of(words: Any, coder: dict[str, Any], options: dict[str, Any]) -> JanusForConditionalGeneration:
    """The network of a course's options, its weights not yet learned."""
    from transformers import (
        GenerationConfig,
        JanusConfig,
        JanusForConditionalGeneration,
        JanusVisionConfig,
        LlamaConfig,
    )

    width, sight_width = options["width"], options.get("sight_width", 192)
    text = LlamaConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=8 * width // 3 // 32 * 32,
        num_hidden_layers=options["layers"],
        num_attention_heads=width // 64,
        max_position_embeddings=1024,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        tie_word_embeddings=True,
    )
    reading = JanusVisionConfig(
        hidden_size=sight_width,
        num_hidden_layers=options["seeing"],
        num_attention_heads=sight_width // 64,
        image_size=64,
        patch_size=8,
        projection_dim=width,
        num_image_tokens=PLACES,
    )
    config = JanusConfig(
        text_config=text.to_dict(),
        vision_config=reading.to_dict(),
        vq_config=vq.vq_config(coder["codes"], coder["channels"], width).to_dict(),
        image_token_id=words.convert_tokens_to_ids(PLACE),
    )
    network = JanusForConditionalGeneration(config)
    network.set_attn_implementation("eager")
    network.generation_config = GenerationConfig(
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        do_sample=True,
        guidance_scale=3.0,
        max_length=256,
        generation_kwargs={"boi_token_id": words.convert_tokens_to_ids(BEGIN)},
    )
    return network


def to_draw(caption: str) -> str:
    """The words before a picture's codes, as a conversation."""
    return f"{PERSON} {caption} {ASSISTANT}{BEGIN}"


def to_name() -> str:
    return f"{PERSON}{BEGIN}{PLACE * PLACES}{END} {QUESTION} {ASSISTANT}"


def drawing_loss(network: Any, ids: Any, mask: Any, codes: torch.Tensor, seen: Any | None) -> torch.Tensor:
    """Cross-entropy of the codes (b, 64) after the tokens (b, t), which may hold places for pictures `seen`."""
    import torch
    from torch.nn.functional import cross_entropy

    embedded = network.get_input_embeddings()(ids)
    if seen is not None:
        features = network.model.get_image_features(seen).pooler_output.reshape(-1, embedded.shape[-1])
        places = (ids == network.config.image_token_id)[..., None]
        embedded = embedded.masked_scatter(places, features.to(embedded.dtype))
    before = network.prepare_embeddings_for_image_generation(codes[:, :-1])
    whole = torch.cat([embedded, before.to(embedded.dtype)], 1)
    mask = torch.cat([mask, torch.ones_like(codes[:, :-1])], 1)
    states = network.model.language_model(inputs_embeds=whole, attention_mask=mask, use_cache=False).last_hidden_state
    guesses = network.model.generation_head(states[:, -codes.shape[1] :])
    return cross_entropy(guesses.float().flatten(0, 1), codes.flatten())


def naming_loss(network: Any, ids: Any, mask: Any, answers: Any, seen: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the caption after the picture; `answers` are the ids where the caption is, -100 elsewhere."""
    loss: torch.Tensor = network(
        input_ids=ids, attention_mask=mask, pixel_values=seen, labels=answers, use_cache=False
    ).loss
    return loss


class Lessons:
    """Batches of the three kinds, each from a seed."""

    def __init__(
        self,
        words: Any,
        shown: NDArray[np.uint8],
        rows: list[dict[str, Any]],
        codes: NDArray[np.int64],
        learned: NDArray[np.int64],
    ) -> None:
        """`learned`: the pictures that histories are made of."""
        self.words, self.shown, self.rows, self.codes = words, shown, rows, codes
        self.wording = wording_of(words)
        self.groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for index in learned.tolist():
            for group in dict.fromkeys(groups_of(rows[index])):
                self.groups[group].append(index)

    def loss(
        self, network: Any, kind: str, chosen: NDArray[np.int64], texts: list[str], rng: random.Random
    ) -> torch.Tensor:
        import torch

        codes = torch.from_numpy(self.codes[chosen])
        if kind == "name":
            prompts = [f"{to_name()} {text} {EOS}" for text in texts]
            batch = self.words(prompts, padding=True, return_tensors="pt")
            ids, mask = batch["input_ids"], batch["attention_mask"]
            asked = ids == self.words.convert_tokens_to_ids(ASSISTANT)
            answers = ids.masked_fill((asked.cumsum(1) == 0) | asked, -100)
            return naming_loss(network, ids, mask, answers, clip.pixels(self.shown[chosen]))
        if kind == "next":
            return self._next(network, chosen, codes, rng)
        batch = self.words([to_draw(text) for text in texts], padding=True, return_tensors="pt")
        silent = torch.tensor([rng.random() < WITHOUT_WORDS for _ in texts])
        return drawing_loss(network, self._silenced(batch["input_ids"], silent), batch["attention_mask"], codes, None)

    def _next(self, network: Any, chosen: NDArray[np.int64], codes: torch.Tensor, rng: random.Random) -> torch.Tensor:
        """As many pictures before each as the batch's draw says, half of them with words."""
        import torch

        count = rng.choice(HISTORIES)
        before = [self.history(int(index), count, rng) for index in chosen]
        told = [[captions.canonical(self.rows[i]) if rng.random() < 0.5 else "" for i in row] for row in before]
        batch = self.words([self.wording.text(said, PLACES) for said in told], padding=True, return_tensors="pt")
        silent = torch.tensor([rng.random() < WITHOUT_WORDS for _ in before])
        ids = self._silenced(batch["input_ids"], silent)
        seen = [index for row, quiet in zip(before, silent.tolist(), strict=True) if not quiet for index in row]
        pictures_seen = clip.pixels(self.shown[seen]) if seen else None
        return drawing_loss(network, ids, batch["attention_mask"], codes, pictures_seen)

    def _silenced(self, ids: Any, silent: torch.Tensor) -> Any:
        """Nothing but the beginning and the mark that begins the new picture: what guidance leads away from."""
        kept = ids == self.words.bos_token_id
        kept[:, -1] = True
        return ids.masked_fill(silent[:, None] & ~kept, self.words.pad_token_id)

    def history(self, index: int, count: int, rng: random.Random) -> list[int]:
        """Other pictures that share something with this one: how it looks, what it shows, or what it is about."""
        first = rng.choice(groups_of(self.rows[index]))
        for group in (first, *groups_of(self.rows[index])):
            others = self.groups[group]
            if len(others) > count:
                return [other for other in rng.sample(others, count + 1) if other != index][:count]
        return rng.choices([other for other in self.groups[first] if other != index] or [index], k=count)


def groups_of(row: dict[str, Any]) -> list[tuple[str, ...]]:
    """What a picture may share with others, what makes a look twice as often as the other two."""
    look = ("look", row["set"], " ".join(captions.looks(row)))
    topic = [("topic", row["set"], row["categories"][0])] if row["categories"] else []
    return [look, look, ("thing", captions.concept(row)), *topic]


def shared_by(rows: list[dict[str, Any]], chosen: NDArray[np.int64], families: int) -> NDArray[np.int64]:
    """Those of the chosen pictures whose concept at least so many families of sets draw."""
    drawn = captions.families_per_concept([rows[i] for i in chosen])
    return np.array([i for i in chosen.tolist() if drawn[captions.concept(rows[i])] >= families], np.int64)


def codes_of(network: Any, shown: NDArray[np.uint8], wanted: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
    """(n, 64), computed once for the wanted pictures and kept; 0 for every other."""
    import torch

    if path.exists():
        kept: NDArray[np.int64] = np.load(path, allow_pickle=False).astype(np.int64)
        return kept
    found = np.zeros((len(shown), PLACES), np.int64)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(wanted), 256):
            part = wanted[start : start + 256]
            found[part] = network.encode(clip.pixels(shown[part])).image_tokens.reshape(len(part), -1).numpy()
    with path.with_suffix(".new").open("wb") as file:
        np.save(file, found.astype(np.int16), allow_pickle=False)
    path.with_suffix(".new").replace(path)
    return found


def words_for(
    options: argparse.Namespace, learned: list[dict[str, Any]], titles: dict[str, str]
) -> PreTrainedTokenizerFast:
    """The course's own tokenizer, that of the Janus it begins with, or one of what it will be told; kept beside it."""
    from transformers import PreTrainedTokenizerFast

    folder = work.folder(options.name)
    if options.resume:
        return PreTrainedTokenizerFast.from_pretrained(folder)
    if options.begin:
        words = PreTrainedTokenizerFast.from_pretrained(work.folder(options.begin))
    else:
        wording = random.Random(options.seed)
        texts = [captions.varied(row, titles[row["set"]], wording) for row in learned]
        words = tokenizer_from(texts, options.vocabulary)
    words.save_pretrained(folder)
    return words


def begin(network: Any, options: argparse.Namespace, shown: NDArray[np.uint8], learned: NDArray[np.int64]) -> None:
    """Weights of an earlier Janus where their shapes agree, and the reading half as a CLIP's first layers."""
    if options.begin:
        own = network.state_dict()
        earlier = checkpoints.weights(work.folder(options.begin), "janus")
        fitting = {name: value for name, value in earlier.items() if name in own and own[name].shape == value.shape}
        network.load_state_dict(fitting, strict=False)
    if options.sight:
        some = np.random.default_rng(options.seed).permutation(learned)[:2000]
        layers = sight.begun(work.folder(options.sight), shown[some], options.seeing)
        network.model.vision_model.load_state_dict(layers, strict=False)


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = course.parser(__doc__, steps=6000, batch=64, rate=1e-3, tests=128, name="janus")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--seeing", type=int, default=4, help="layers of the half that reads pictures")
    parser.add_argument("--sight", default="clip", help="the work folder whose CLIP's layers that half begins with")
    parser.add_argument("--sight-width", type=int, default=256, help="as wide as that CLIP's")
    parser.add_argument("--begin", help="the work folder of an earlier Janus: whatever fits begins as it ended")
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--codes", default="vq", help="the work folder's picture codes")
    parser.add_argument("--shared", type=int, default=8, help="learn concepts that so many families of sets draw")
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> dict[str, Any]:
    options = arguments(args)
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    folder, coder = work.folder(options.name), work.folder(options.codes)
    shown, rows = pictures.load()
    parts = np.array(captions.split(rows))
    train = shared_by(rows, np.flatnonzero(parts == "train"), options.shared)
    held = np.flatnonzero(parts == "held")
    tests = np.random.default_rng(options.seed).permutation(held)[: options.tests]
    titles = {name: info["name"] for name, info in work.read_json(work.folder() / "sets.json").items()}
    words = words_for(options, [rows[i] for i in train], titles)
    coded = work.read_json(coder / "state.json")["options"]
    network = janus_of(words, coded, vars(options))
    network.model.vqmodel.load_state_dict(checkpoints.weights(coder, "vq"))
    network.model.vqmodel.requires_grad_(False)
    # The codes' vectors are known before the first step; only what they mean has to be learned.
    network.model.generation_embeddings.load_state_dict(network.model.vqmodel.quantize.embedding.state_dict())
    if not options.resume:
        begin(network, options, shown, train)
    with together.in_turn():
        wanted = np.union1d(train, tests)
        codes = codes_of(network.model.vqmodel, shown, wanted, folder / f"codes-{options.shared}.npy")
    lessons = Lessons(words, shown, rows, codes, train)
    chances = diffusion.chances_of([rows[i] for i in train])

    def loss(step: int) -> course.Loss:
        draw, wording = course.chance(options.seed, step)
        kind = wording.choices(("draw", "name", "next"), (5, 3, 2))[0]
        count = options.batch // 2 if kind == "next" else options.batch
        chosen = draw.choice(train, count, replace=False, p=chances)
        texts = [captions.varied(rows[i], titles[rows[i]["set"]], wording) for i in chosen]
        if kind == "name":
            texts = [captions.canonical(rows[i]) for i in chosen]
        with torch.autocast("cpu", torch.bfloat16):
            total = lessons.loss(network, kind, chosen, texts, wording)
        return total, {kind: float(total.detach())}

    def measured() -> dict[str, Any]:
        texts = [captions.canonical(rows[i]) for i in tests]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            found = {
                kind: round(float(lessons.loss(network, kind, tests, texts, random.Random(0))), 4)
                for kind in ("draw", "name", "next")
            }
        return {"held": found}

    both = torch.nn.ModuleDict({"janus": network})
    learning = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    trained = schedule.optimisers(learning, options.rate, ".layers.")
    return course.Course(options, both, trained).run(loss, measured, warm=options.steps // 20 + 1)


if __name__ == "__main__":
    main()
