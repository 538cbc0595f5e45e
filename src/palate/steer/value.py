"""The value of a slate over whole conversations, by implicit Q-learning (Kostrikov et al. 2021; PASTA, Design 3).

    L_V = E |tau - 1(u < 0)| u^2, u = min_j Q_j'(h, P) - V(h)        the expectile of what was done, nothing invented
    L_Q = E sum_j (r + discount V(h') - Q_j(h, P))^2
    Q_j(h, P) = (1/L) sum over p in P of f_j(h, p)                    Q' are slowly moving copies (`target`)

f sees the prompts and the pictures of the history (`palate.steer.transitions`), which the paper's value function, a
language model, does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palate.errors import PalateError
from palate.steer.bank import Options
from palate.steer.simulating import COLUMNS, TURNS, Policy, State
from palate.steer.slates import best_slates
from palate.steer.transitions import Numbers, Transitions, of_candidates, of_state
from palate.taste.evidence import Floats, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

LOGGED_EVERY = 100
KEPT_EVERY = 500


@dataclass(frozen=True, slots=True)
class ValueLearning:
    """The values that the authors of IQL give, but for `steps`."""

    expectile: float = 0.7
    discount: float = 0.99
    target: float = 0.005
    rate: float = 3e-4
    hidden: int = 256
    batch: int = 256
    steps: int = 4000
    seed: int = 0


def expectile_loss(u: Tensor, expectile: float) -> Tensor:
    """|tau - 1(u < 0)| u^2, the mean over all; tau = 1/2 is half of the squared error."""
    return ((expectile - (u < 0).float()).abs() * u * u).mean()


class Value:
    """f_1, f_2 and V with the targets of f; made once, trained in steps, kept as safetensors."""

    def __init__(self, state: int, candidate: int, sight: tuple[int, ...], learning: ValueLearning) -> None:
        import torch

        torch.manual_seed(learning.seed)
        self.learning = learning
        self.shape = (state, candidate, sight)
        self.f = torch.nn.ModuleList(_f(state, candidate, learning.hidden) for _ in range(2))
        self.target = torch.nn.ModuleList(_f(state, candidate, learning.hidden) for _ in range(2))
        self.target.load_state_dict(self.f.state_dict())
        self.v = _network(state, learning.hidden)
        self.scales = torch.nn.ParameterDict(
            {
                "state_mean": torch.zeros(state),
                "state_scale": torch.ones(state),
                "candidate_mean": torch.zeros(candidate),
                "candidate_scale": torch.ones(candidate),
                "reward_mean": torch.zeros(1),
                "reward_scale": torch.ones(1),
                "sight": torch.zeros(sight),
            }
        ).requires_grad_(False)

    def fit_scales(self, data: Transitions) -> None:
        """Inputs and rewards of mean 0 and variance 1."""
        import torch

        self.scales["sight"].data = torch.tensor(data.sight, dtype=torch.float32)
        flat = data.shown.reshape(-1, data.shown.shape[-1])
        for name, rows in (("state", data.states), ("candidate", flat), ("reward", data.rewards[:, None])):
            self.scales[f"{name}_mean"].data = torch.tensor(rows.mean(axis=0), dtype=torch.float32)
            self.scales[f"{name}_scale"].data = torch.tensor(rows.std(axis=0) + 1e-3, dtype=torch.float32)
        # Which turn it is stays 0 or 1.
        self.scales["state_mean"].data[:TURNS], self.scales["state_scale"].data[:TURNS] = 0.0, 1.0

    def scaled(self, rows: Numbers, name: str) -> Tensor:
        import torch

        given = torch.as_tensor(rows, dtype=torch.float32)
        scaled: Tensor = (given - self.scales[f"{name}_mean"]) / self.scales[f"{name}_scale"]
        return scaled

    def q(self, network: nn.Module, states: Tensor, shown: Tensor) -> Tensor:
        """Q(h, P) = (1/L) sum f(h, p): (n, s), (n, L, c) -> (n,)."""
        values: Tensor = network(states, shown).mean(dim=1)
        return values

    def of(self, state: State, options: Options) -> Floats:
        """min_j f_j(h, p) of every candidate, (n, L_C), in the units of rewards."""
        import torch

        with torch.inference_mode():
            h = self.scaled(of_state(state), "state")
            sight = self.scales["sight"].numpy().astype(np.float64)
            p = self.scaled(of_candidates(state, options, sight), "candidate")
            values = torch.stack([network(h, p) for network in self.f]).min(dim=0).values
            values = values * self.scales["reward_scale"] + self.scales["reward_mean"]
        return np.asarray(values.numpy(), dtype=np.float64)

    def policy(self, noise: float = 0.0) -> Policy:
        """The best slates by it; `noise` shows what else there is, in spreads of the values."""

        def show(state: State, options: Options, rng: np.random.Generator) -> Rows:
            values = self.of(state, options)
            values = values + noise * values.std(axis=1, keepdims=True) * rng.standard_normal(values.shape)
            return best_slates(values, options.categories, COLUMNS)

        return show

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous() for name, tensor in self.tensors().items()}, folder / "value.safetensors")
        (folder / "value.json").write_text(json.dumps(self.card, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Value:
        from safetensors.numpy import load_file

        return cls.of_kept(json.loads((folder / "value.json").read_text()), load_file(folder / "value.safetensors"))

    @property
    def card(self) -> dict[str, Any]:
        """With it and the tensors it can be made again."""
        return {"shape": self.shape, "learning": asdict(self.learning)}

    @classmethod
    def of_kept(cls, card: Mapping[str, Any], kept: Mapping[str, NDArray[Any]]) -> Value:
        import torch

        state, candidate, sight = card["shape"]
        value = cls(state, candidate, tuple(sight), ValueLearning(**card["learning"]))
        for name, tensor in value.tensors().items():
            tensor.data.copy_(torch.from_numpy(kept[name]))
        return value

    def tensors(self) -> dict[str, Tensor]:
        parts = {"f": self.f, "target": self.target, "v": self.v, "scales": self.scales}
        return {f"{part}.{name}": tensor for part, net in parts.items() for name, tensor in net.state_dict().items()}


def _network(wide: int, hidden: int) -> nn.Module:
    from torch import nn

    layers = (nn.Linear(wide, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
    return nn.Sequential(*layers)


def _f(state: int, candidate: int, hidden: int) -> nn.Module:
    """f(h, p): what is linear in p, turn by turn (greed on taste is), and a network of both that begins at nothing."""
    import torch
    from torch import nn

    class Candidates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.plain_h, self.plain_p = nn.Linear(state, 1), nn.Linear(candidate, TURNS)
            self.of_h, self.of_p = nn.Linear(state, hidden), nn.Linear(candidate, hidden)
            self.then, self.last = nn.Linear(hidden, hidden), nn.Linear(hidden, 1)
            nn.init.zeros_(self.last.weight)

        def forward(self, h: Tensor, p: Tensor) -> Tensor:
            """(n, s), (n, L, c) -> (n, L); what h makes of the first layer is the same for all L."""
            inner = torch.relu(self.of_h(h)[:, None] + self.of_p(p))
            deep = self.plain_h(h)[:, None] + self.last(torch.relu(self.then(inner)))
            found: Tensor = deep[..., 0] + (self.plain_p(p) * h[:, None, :TURNS]).sum(dim=-1)
            return found

    return Candidates()


class Training:
    """A value on its way: what a step moves, and all that a checkpoint must hold to go on as if never stopped."""

    def __init__(self, data: Transitions, learning: ValueLearning) -> None:
        import torch

        self.learning = learning
        self.value = value = Value(data.states.shape[1], data.shown.shape[2], data.sight.shape, learning)
        value.fit_scales(data)
        self.h = value.scaled(data.states, "state")
        self.P = value.scaled(data.shown, "candidate")
        self.r = value.scaled(data.rewards[:, None], "reward")[:, 0]
        self.follows = torch.as_tensor(data.follows)
        self.optimisers = {
            "f": torch.optim.Adam(value.f.parameters(), lr=learning.rate),
            "v": torch.optim.Adam(value.v.parameters(), lr=learning.rate),
        }
        self.done = 0
        self.log: list[dict[str, float]] = []

    def step(self) -> dict[str, float]:
        """One batch, drawn by the step's own number: V towards the target's Q, Q towards what came after."""
        import torch

        value, learning = self.value, self.learning
        luck = torch.Generator().manual_seed(learning.seed * 1_000_003 + self.done)
        rows = torch.randint(len(self.h), (learning.batch,), generator=luck)
        h, P = self.h[rows], self.P[rows]
        with torch.no_grad():
            best = torch.stack([value.q(net, h, P) for net in value.target]).min(dim=0).values
        v_loss = expectile_loss(best - value.v(h)[:, 0], learning.expectile)
        self._descend("v", v_loss)
        with torch.no_grad():
            after = self.follows[rows]
            next_worth = value.v(self.h[after.clamp(min=0)])[:, 0] * (after >= 0)
            wanted = self.r[rows] + learning.discount * next_worth
        f_loss = torch.stack([((wanted - value.q(net, h, P)) ** 2).mean() for net in value.f]).sum()
        self._descend("f", f_loss)
        with torch.no_grad():
            for slow, fast in zip(value.target.parameters(), value.f.parameters(), strict=True):
                slow.lerp_(fast, learning.target)
        said = {"step": self.done, "value_loss": float(v_loss.detach()), "q_loss": float(f_loss.detach())}
        self.done += 1
        return said

    def _descend(self, name: str, loss: Tensor) -> None:
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def save(self, folder: Path) -> None:
        """Everything, in one file that replaces the last."""
        from safetensors.torch import save_file

        tensors = {name: tensor.clone() for name, tensor in self.value.tensors().items()}
        for name, optimiser in self.optimisers.items():
            for number, state in optimiser.state_dict()["state"].items():
                tensors |= {f"{name}-adam.{number}.{key}": kept.clone() for key, kept in state.items()}
        folder.mkdir(parents=True, exist_ok=True)
        told = {"done": str(self.done), "log": json.dumps(self.log), "learning": json.dumps(asdict(self.learning))}
        save_file(tensors, folder / "training.new", metadata=told)
        (folder / "training.new").replace(folder / "training.safetensors")

    def restore(self, folder: Path) -> bool:
        """Go on from a checkpoint of the same learning, if there is one."""
        from safetensors import safe_open

        path = folder / "training.safetensors"
        if not path.exists():
            return False
        with safe_open(path, "pt") as file:
            told = file.metadata()
            if json.loads(told["learning"]) != asdict(self.learning):
                raise PalateError("other_learning", "this training was begun with other settings", about=str(path))
            kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, tensor in self.value.tensors().items():
            tensor.data.copy_(kept[name])
        for name, optimiser in self.optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key in [key for key in kept if key.startswith(f"{name}-adam.")]:
                _, number, part = key.split(".")
                state.setdefault(int(number), {})[part] = kept[key]
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        self.done, self.log = int(told["done"]), json.loads(told["log"])
        return True


def train_value(
    data: Transitions,
    learning: ValueLearning,
    *,
    keep: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> tuple[Value, list[dict[str, float]]]:
    """Seeded; every hundredth step's losses are answered beside the value. `keep`: where a stopped one goes on from."""
    training = Training(data, learning)
    if keep is not None:
        training.restore(keep)
    while training.done < learning.steps:
        said = training.step()
        last = training.done == learning.steps
        if said["step"] % LOGGED_EVERY == 0 or last:
            training.log.append(said)
            progress("learning", training.done, learning.steps)
        if keep is not None and (training.done % KEPT_EVERY == 0 or last):
            training.save(keep)
    return training.value, training.log
