"""A small local language model taught by instructions: LoRA on its weights, or soft prompts before its words.

Only the adapter is learned and kept, as safetensors; the network itself stays as it is (survey, section 3.2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from palate.converse.instructing import Instruction
from palate.encoders.places import find_folder, require_sound
from palate.errors import PalateError
from palate.quiet import quietly

if TYPE_CHECKING:
    import torch

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Tuning:
    """How it is taught."""

    how: Literal["lora", "soft"] = field(default="lora", metadata={"help": "lora, or soft: virtual words learned"})
    steps: int = field(default=200, metadata={"help": "steps of the optimiser"})
    batch: int = field(default=8, metadata={"help": "instructions a step"})
    rate: float = field(default=1e-3, metadata={"help": "Adam's step"})
    rank: int = field(default=8, metadata={"help": "LoRA's rank"})
    virtual: int = field(default=8, metadata={"help": "soft prompt: so many virtual words"})
    longest: int = field(default=256, metadata={"help": "tokens of an instruction with its answer"})
    seed: int = field(default=0, metadata={"help": "of the adapter and of the order"})


DEFAULT = Tuning()


def opened(name: str) -> tuple[Any, Any]:
    """Tokenizer and network of a causal language model, by folder or hub id."""
    folder = find_folder(name, kind="janus")
    require_sound(folder, name)
    with quietly():
        from transformers import AutoModelForCausalLM, AutoTokenizer

        safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
        network = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **safely)
    return tokenizer, network


def adapted(network: Any, tuning: Tuning) -> Any:
    """The network with an adapter that learns, and nothing else that does (Hu et al. 2022; Lester et al. 2021)."""
    from peft import LoraConfig, PromptTuningConfig, TaskType, get_peft_model

    if tuning.how == "lora":
        sizes = {"r": tuning.rank, "lora_alpha": 2 * tuning.rank, "lora_dropout": 0.0}
        return get_peft_model(network, LoraConfig(task_type=TaskType.CAUSAL_LM, target_modules="all-linear", **sizes))
    return get_peft_model(network, PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=tuning.virtual))


def encoded(tokenizer: Any, instruction: Instruction, longest: int) -> tuple[list[int], list[int]]:
    """Tokens, and the same as labels where they are the answer: what was asked is not learned by heart."""
    asked = tokenizer(instruction.asked + " ", add_special_tokens=False)["input_ids"]
    answer = [*tokenizer(instruction.answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    asked = asked[-max(longest - len(answer), 1) :]
    tokens = [*asked, *answer][:longest]
    return tokens, [*[IGNORED] * len(asked), *answer][:longest]


def batched(rows: Sequence[tuple[list[int], list[int]]], pad: int) -> dict[str, torch.Tensor]:
    """input_ids, attention_mask and labels (n, t), padded behind."""
    import torch

    wide = max(len(tokens) for tokens, _ in rows)
    padded = [(tokens + [pad] * (wide - len(tokens)), len(tokens), labels) for tokens, labels in rows]
    return {
        "input_ids": torch.tensor([tokens for tokens, _, _ in padded]),
        "attention_mask": torch.tensor([[1] * size + [0] * (wide - size) for _, size, _ in padded]),
        "labels": torch.tensor([labels + [IGNORED] * (wide - len(labels)) for _, _, labels in padded]),
    }


def tune(name: str, instructions: Sequence[Instruction], out: Path, tuning: Tuning = DEFAULT) -> list[float]:
    """Teach, keep the adapter in `out`, and answer the loss of every step."""
    import torch

    if not instructions:
        raise PalateError("nothing_to_learn", "there is no instruction to learn from")
    torch.manual_seed(tuning.seed)
    tokenizer, network = opened(name)
    with quietly():
        learner = adapted(network, tuning).train()
    rows = [encoded(tokenizer, one, tuning.longest) for one in instructions]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=tuning.rate, weight_decay=0.0)
    order = torch.Generator().manual_seed(tuning.seed)
    losses = []
    for _ in range(tuning.steps):
        chosen = torch.randperm(len(rows), generator=order)[: tuning.batch].tolist()
        loss = learner(**batched([rows[at] for at in chosen], pad)).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    with quietly():
        learner.save_pretrained(out, safe_serialization=True)
    return losses


def log_likelihoods(
    network: Any, tokenizer: Any, asked: Sequence[str], answers: Sequence[str], *, longest: int = 256
) -> torch.Tensor:
    """log p(answer | asked), (n,): the sum over the answer's tokens; its gradient reaches what made it."""
    import torch

    rows = [
        encoded(tokenizer, Instruction("", one, answer), longest) for one, answer in zip(asked, answers, strict=True)
    ]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    batch = batched(rows, pad)
    labels = batch.pop("labels")[:, 1:]
    logits = network(**batch).logits[:, -labels.shape[1] - 1 : -1]
    logs = torch.log_softmax(logits.float(), dim=-1)
    known = labels != IGNORED
    picked = logs.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return (picked * known).sum(dim=1)
