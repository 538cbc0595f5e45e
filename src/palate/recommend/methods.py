"""The recommenders by name, each with the few settings that an evaluation tries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.recommend.albef import ALBEF
from palate.recommend.aligned import Aligned
from palate.recommend.als import ALS
from palate.recommend.autorec import AutoRec
from palate.recommend.bert4rec import BERT4Rec
from palate.recommend.contrastvae import ContrastVAE
from palate.recommend.crossencoder import Reranked
from palate.recommend.dense import Dense
from palate.recommend.diffrec import DiffRec
from palate.recommend.diffuasr import DiffuASR
from palate.recommend.dream import Dream
from palate.recommend.ease import Ease
from palate.recommend.gfn4rec import GFN4Rec
from palate.recommend.gru4rec import GRU4Rec
from palate.recommend.idnp import IDNP
from palate.recommend.irgan import IRGAN
from palate.recommend.itemknn import ItemKNN
from palate.recommend.ldiffrec import LDiffRec
from palate.recommend.listcvae import ListCVAE
from palate.recommend.llm2bert4rec import LLM2BERT4Rec
from palate.recommend.multvae import MultVAE
from palate.recommend.pivotcvae import PivotCVAE
from palate.recommend.popularity import Popularity
from palate.recommend.protocol import Recommender
from palate.recommend.sasrec import SASRec
from palate.recommend.svae import SVAE
from palate.recommend.tiger import Tiger
from palate.recommend.vaser import VASER
from palate.recommend.vbpr import VBPR
from palate.recommend.virtualpeople import AugmentedEase

Content = Mapping[str, NDArray[Any]]
"""What is known of the items themselves, each (items, ...): see `Method.content`."""


@dataclass(frozen=True)
class Method:
    """`make` takes any of the settings; `tried` are those that tuning compares on held-out choices.

    Where the training is its own, `epochs` is the most that it may take: it ends where held-out choices gain no more.
    """

    name: str
    make: Callable[..., Recommender]
    tried: tuple[Mapping[str, Any], ...] = ({},)
    small: Mapping[str, Any] = field(default_factory=dict)
    """Settings that suit a few hundred people and a few dozen items."""
    sequential: bool = False
    """Whether it reads the order of choices, and means nothing where that is not known."""
    content: tuple[str, ...] = ()
    """What has to be known of the items themselves: `text` and `pictures` are vectors, `words` are numbered."""
    helped: tuple[str, ...] = ()
    """What is used where it is known, and replaced by who chose what where it is not."""

    def made(self, settings: Mapping[str, Any], content: Content) -> Recommender:
        """With those of the items' vectors that it reads."""
        lacking = [name for name in self.content if name not in content]
        if lacking:
            raise PalateError("no_content", f"'{self.name}' needs the items' {' and '.join(lacking)}")
        known = {name: content[name] for name in (*self.content, *self.helped) if name in content}
        return self.make(**settings, **{name: _whole(name, rows) for name, rows in known.items()})


def _whole(name: str, rows: NDArray[Any]) -> NDArray[Any]:
    """Word numbers or float32 vectors, all of them numbers."""
    if name == "words":
        return np.asarray(rows, np.int64)
    vectors = np.asarray(rows, np.float32)
    if not np.isfinite(vectors).all():
        raise PalateError("not_a_number", f"the items' {name} are not all numbers", about=name)
    return vectors


def every(**axes: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    """All combinations of the values that each setting may take."""
    return tuple(dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


SMALL = {"hidden": 64, "epochs": 40, "batch": 64, "rate": 1e-2}
SMALL_SEQUENCES = {"width": 32, "epochs": 20, "batch": 64, "rate": 3e-3, "dropped": 0.0}
SMALL_SLATES = {"width": 32, "most": 1.0, "epochs": 30, "batch": 64, "rate": 1e-2}
SMALL_LISTS = {"width": 32, "epochs": 60, "batch": 64, "rate": 1e-2}
SMALL_TOWERS = {"width": 16, "epochs": 30, "batch": 64, "rate": 1e-2}
SMALL_NAMES = {
    "naming": {"codes": 6, "levels": 2, "latent": 8, "steps": 200},
    **SMALL_SEQUENCES,
    "layers": 1,
    "heads": 2,
}

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("popularity", Popularity),
        Method("itemknn", ItemKNN, every(neighbours=(50, 200, 1000), shrink=(0.0, 20.0, 100.0))),
        Method("ease", Ease, every(penalty=(50.0, 200.0, 500.0, 1000.0, 2000.0, 4000.0))),
        Method(
            "als",
            ALS,
            every(factors=(64, 128), trust=(1.0, 4.0), penalty=(10.0, 50.0)),
            {"factors": 8, "penalty": 0.1},
        ),
        Method("autorec", AutoRec, every(unseen=(0.02, 0.1, 0.5), epochs=(100,)), SMALL),
        Method("multdae", MultVAE, every(most=(0.0,), decay=(0.0, 0.01), epochs=(100,)), {"most": 0.0, **SMALL}),
        Method("multvae", MultVAE, every(most=(0.1, 0.2, 0.5), epochs=(100,)), SMALL),
        Method("diffrec", DiffRec, every(scale=(0.001, 0.01), least=(0.01,), epochs=(100,)), SMALL),
        Method("ldiffrec", LDiffRec, every(clusters=(1, 2), epochs=(100,)), {"latent": 16, **SMALL}),
        Method("irgan", IRGAN, every(alone=(0.5, 0.8), epochs=(100,)), {"epochs": 30, "batch": 64, "rate": 1e-2}),
        Method(
            "virtualpeople",
            AugmentedEase,
            every(penalty=(1000.0, 2000.0), added=(0.05, 0.2)),
            {"forger": {"epochs": 20, "batch": 64, "rate": 3e-3}},
        ),
        Method("listcvae", ListCVAE, every(most=(0.1, 1.0), epochs=(200,)), SMALL_SLATES),
        Method("pivotcvae", PivotCVAE, every(own=(0.5, 0.8), epochs=(200,)), SMALL_SLATES),
        Method("gfn4rec", GFN4Rec, every(sharp=(8.0, 16.0), epochs=(200,)), SMALL_LISTS),
        Method("gru4rec", GRU4Rec, every(dropped=(0.2, 0.5), epochs=(40,)), SMALL_SEQUENCES, sequential=True),
        Method("sasrec", SASRec, every(dropped=(0.2, 0.5), epochs=(40,)), SMALL_SEQUENCES, sequential=True),
        Method("bert4rec", BERT4Rec, every(dropped=(0.2, 0.5), epochs=(80,)), SMALL_SEQUENCES, sequential=True),
        Method(
            "diffuasr",
            DiffuASR,
            tuple({"added": 3, "sasrec": settings} for settings in every(dropped=(0.2, 0.5), epochs=(10, 20))),
            {"before": {"epochs": 10, "batch": 64, "steps": 20}, "sasrec": SMALL_SEQUENCES},
            sequential=True,
        ),
        Method("svae", SVAE, every(dropped=(0.2, 0.5), epochs=(40,)), SMALL_SEQUENCES, sequential=True),
        Method("vaser", VASER, every(dropped=(0.2, 0.5), epochs=(40,)), SMALL_SEQUENCES, sequential=True),
        Method("contrastvae", ContrastVAE, every(dropped=(0.2, 0.5), epochs=(40,)), SMALL_SEQUENCES, sequential=True),
        Method("idnp", IDNP, every(dropped=(0.2, 0.5), epochs=(80,)), SMALL_SEQUENCES, sequential=True),
        Method("dream", Dream, every(basket=(2, 5), epochs=(40,)), SMALL_SEQUENCES, sequential=True),
        Method(
            "llm2bert4rec",
            LLM2BERT4Rec,
            every(dropped=(0.2, 0.5), epochs=(80,)),
            SMALL_SEQUENCES,
            sequential=True,
            content=("text",),
        ),
        Method(
            "tiger", Tiger, every(dropped=(0.1, 0.3), epochs=(100,)), SMALL_NAMES, sequential=True, helped=("text",)
        ),
        Method("dense", Dense, every(temperature=(0.05, 0.1), epochs=(100,)), SMALL_TOWERS, content=("text",)),
        Method("vbpr", VBPR, every(rate=(1e-3, 3e-3), epochs=(200,)), SMALL_TOWERS, content=("pictures",)),
        Method(
            "aligned",
            Aligned,
            tuple({"dense": settings} for settings in every(temperature=(0.05, 0.1), epochs=(30, 60))),
            {"alignment": SMALL_TOWERS, "dense": SMALL_TOWERS},
            content=("text", "pictures"),
        ),
        Method(
            "albef",
            ALBEF,
            tuple({"dense": settings} for settings in every(temperature=(0.05, 0.1), epochs=(30, 60))),
            {"fusion": SMALL_TOWERS, "dense": SMALL_TOWERS},
            content=("words", "pictures"),
        ),
        Method(
            "crossencoder",
            Reranked,
            tuple({"candidates": count, "encoder": {"epochs": 30}} for count in (20, 50)),
            {"candidates": 20, "encoder": {"epochs": 20, "batch": 64, "rate": 1e-2, "width": 16}},
            content=("words",),
        ),
    )
}


def chosen(names: str, tries: int | None = None, epochs: int | None = None) -> list[Method]:
    """`all`, or names with commas between; each with its first `tries` settings, of at most so many epochs, or all."""
    if names == "all":
        names = ",".join(METHODS)
    asked = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in asked if name not in METHODS]
    if unknown or not asked:
        raise PalateError(
            "unknown_method", f"there is no method '{', '.join(unknown)}'", hint=f"one of {', '.join(METHODS)}"
        )
    return [
        replace(METHODS[name], tried=tuple(shortened(settings, epochs) for settings in METHODS[name].tried[:tries]))
        for name in asked
    ]


def shortened(settings: Mapping[str, Any], epochs: int | None) -> Mapping[str, Any]:
    """The settings with at most so many epochs; what does not learn in epochs, and what has parts, stays as it is."""
    if epochs is None or "epochs" not in settings:
        return settings
    return {**settings, "epochs": min(epochs, settings["epochs"])}
