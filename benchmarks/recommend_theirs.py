"""Another library learns and scores everybody; `recommend_compare.py` runs this in that library's environment.

    python benchmarks/recommend_theirs.py LIBRARY METHOD SETTINGS SPLIT.npz SCORES.npz

Knows nothing of Palate. Writes (people, items) scores for `valid` and for `test`, and prints what learning took. What
learns in epochs is looked at `looks` times on the way, and what did best on `valid` counts; looking is not timed.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
FIRST, LOOKS, PATIENCE = 10, 20, 4
"""As often as ours is looked at, and as long in vain before it ends (`palate.recommend.stopping`)."""
CORNAC = {"popularity": "MostPop", "ease": "EASE", "itemknn": "ItemKNN", "als": "WMF", "multvae": "VAECF"}
CORNAC_ALWAYS: dict[str, dict[str, Any]] = {
    "ease": {"posB": False, "verbose": False},
    "itemknn": {"verbose": False, "num_threads": 1},
    "als": {"verbose": False, "seed": 0},
    "multvae": {"k": 200, "autoencoder_structure": [600], "batch_size": 256, "seed": 0},
}
RECBOLE = {
    "popularity": "Pop",
    "ease": "EASE",
    "itemknn": "ItemKNN",
    "multvae": "MultiVAE",
    "multdae": "MultiDAE",
    "diffrec": "DiffRec",
    "ldiffrec": "LDiffRec",
    "gru4rec": "GRU4Rec",
    "sasrec": "SASRec",
    "bert4rec": "BERT4Rec",
}
SEQUENTIAL = {"gru4rec", "sasrec", "bert4rec"}
CLOSED_FORM = {"popularity", "ease", "itemknn"}


def histories(file: Any, name: str) -> list[NDArray[np.int64]]:
    ends = file[f"{name}_ends"]
    return [np.asarray(part) for part in np.split(file[name], ends[:-1])]


@dataclass
class Found:
    """Scores for `valid` and `test`, and how they came about."""

    valid: Scores
    test: Scores
    facts: dict[str, Any]


def cornac_scores(method: str, settings: dict[str, Any], split: Any) -> Found:
    """Its people are rows of a table, so both questions get the same answer: what it learned from `train`."""
    cornac = importlib.import_module("cornac")
    train, items = histories(split, "train"), int(split["items"])
    triples = [(person, int(item), 1.0) for person, own in enumerate(train) for item in own]
    data = cornac.data.Dataset.from_uir(triples, seed=0)
    recommender = getattr(cornac.models, CORNAC[method])(**CORNAC_ALWAYS.get(method, {}), **settings)
    began = time.process_time()
    recommender.fit(data)
    took = time.process_time() - began
    columns = np.array(list(data.iid_map))
    scores = np.full((len(train), items), -1e9, np.float32)
    for person, row in data.uid_map.items():
        found = recommender.score(row)
        found = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
        scores[person, columns] = found.ravel()[: len(columns)]
    return Found(scores, scores, {"library": f"cornac {cornac.__version__}", "cpu_s": took})


def recbole_scores(method: str, settings: dict[str, Any], split: Any) -> Found:
    """Its atomic files hold the three parts; people and items get numbers of its own, from 1."""
    recbole = importlib.import_module("recbole")
    config_of = importlib.import_module("recbole.config").Config
    data_of = importlib.import_module("recbole.data")
    tools = importlib.import_module("recbole.utils")
    parts = {name: histories(split, name) for name in ("train", "valid", "test")}
    looks, patience = settings.pop("looks", LOOKS), settings.pop("patience", PATIENCE)
    longest = settings.setdefault("MAX_ITEM_LIST_LENGTH", 50)
    with tempfile.TemporaryDirectory() as folder:
        always: dict[str, Any] = {
            "data_path": folder,
            "checkpoint_dir": folder,
            "train_neg_sample_args": None,
            "loss_type": "CE",
            "USER_ID_FIELD": "user_id",
            "ITEM_ID_FIELD": "item_id",
            "TIME_FIELD": "time",
            "seed": 0,
            "load_col": {"inter": ["user_id", "item_id", "time"]},
            "use_gpu": False,
            "show_progress": False,
            "eval_args": {"order": "TO", "mode": "full"},
            "state": "ERROR",
        }
        if method in SEQUENTIAL:
            # It makes its own sequences of a whole file, and leaves each person's last two out as the split does.
            whole = [np.concatenate(own) for own in zip(*parts.values(), strict=True)]
            written(Path(folder) / "choices", {"": whole})
            always["eval_args"] = {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"}
        else:
            written(Path(folder) / "choices", parts)
            always["benchmark_filename"] = list(parts)
        config = config_of(model=RECBOLE[method], dataset="choices", config_dict={**always, **settings})
        tools.init_seed(config["seed"], True)
        dataset = data_of.create_dataset(config)
        train, _, _ = data_of.data_preparation(config, dataset)
        network = tools.get_model(config["model"])(config, train.dataset).to("cpu")
        trainer = tools.get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
        ask = partial(asked_in_sequence, longest=longest) if method in SEQUENTIAL else asked_by_number

        def answered(name: str) -> Scores:
            network.eval()
            return ask(network, dataset, parts, name, int(split["items"]))

        if method in CLOSED_FORM:
            began, worked = time.perf_counter(), time.process_time()
            trainer.fit(train, valid_data=None, saved=False, show_progress=False)
            took = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - worked}
            found = Found(answered("valid"), answered("test"), took)
        else:
            learn = partial(trainer._train_epoch, train)
            found = looked_at(learn, answered, parts, range(1, config["epochs"] + 1), looks, patience)
    found.facts["library"] = f"recbole {recbole.__version__}"
    return found


def looked_at(
    learn: Callable[[int], Any],
    answered: Callable[[str], Scores],
    parts: dict[str, list[NDArray[np.int64]]],
    epochs: range,
    looks: int,
    patience: int,
) -> Found:
    """Learns epoch by epoch until `valid` gains no more; `trace` has epochs, seconds and NDCG@10 at each look."""
    known = [np.concatenate(pair) for pair in zip(parts["train"], parts["valid"], strict=True)]
    cpu = wall = 0.0
    trace: list[dict[str, float]] = []
    best, found, in_vain = -1.0, None, 0
    for epoch in epochs:
        began, worked = time.perf_counter(), time.process_time()
        learn(epoch)
        wall, cpu = wall + time.perf_counter() - began, cpu + time.process_time() - worked
        if epoch > FIRST and epoch % max(1, len(epochs) // looks) and epoch < epochs[-1]:
            continue
        valid, test = answered("valid"), answered("test")
        score = ndcg(valid, parts["train"], parts["valid"])
        reached = {"valid": score, "test": ndcg(test, known, parts["test"])}
        trace.append({"epoch": epoch, "cpu_s": cpu, "wall_s": wall, **reached})
        in_vain += 1
        if score > best:
            best, found, in_vain = score, Found(valid, test, {"epochs": epoch}), 0
        assert found is not None
        if in_vain >= patience and epoch - found.facts["epochs"] >= len(epochs) / 10:
            break
    assert found is not None
    found.facts |= {"cpu_s": cpu, "wall_s": wall, "trace": trace}
    return found


def ndcg(scores: Scores, known: list[NDArray[np.int64]], wanted: list[NDArray[np.int64]], k: int = 10) -> float:
    """The mean over people for whom something is wanted that is not known; what is known is left out of the list."""
    discount = 1 / np.log2(np.arange(2, k + 2))
    found = []
    for row, have, want in zip(scores, known, wanted, strict=True):
        new = np.setdiff1d(want, have)
        if not len(new):
            continue
        row = row.copy()
        row[have] = -np.inf
        best = np.argpartition(-row, k)[:k]
        hits = np.isin(best[np.argsort(-row[best])], new)
        found.append((hits * discount).sum() / discount[: min(k, len(new))].sum())
    return float(np.mean(found))


def written(folder: Path, parts: dict[str, list[NDArray[np.int64]]]) -> None:
    folder.mkdir()
    at = 0
    for name, people in parts.items():
        lines = ["user_id:token\titem_id:token\ttime:float"]
        for person, own in enumerate(people):
            for item in own:
                at += 1
                lines.append(f"{person}\t{item}\t{at}")
        (folder / (f"choices.{name}.inter" if name else "choices.inter")).write_text("\n".join(lines) + "\n")


def numbers_of(dataset: Any, field: str, count: int) -> NDArray[np.int64]:
    """The library's number of each of ours, 0 where it never met one."""
    known = dataset.field2token_id[field]
    return np.array([known.get(str(number), 0) for number in range(count)])


def asked_by_number(network: Any, dataset: Any, parts: Any, _: str, items: int) -> Scores:
    torch = importlib.import_module("torch")
    interaction = importlib.import_module("recbole.data.interaction").Interaction
    people = numbers_of(dataset, "user_id", len(parts["train"]))
    columns = numbers_of(dataset, "item_id", items)
    rows = []
    with torch.inference_mode():
        for start in range(0, len(people), 256):
            some = torch.from_numpy(people[start : start + 256])
            rows.append(network.full_sort_predict(interaction({"user_id": some})).view(len(some), -1).numpy())
    scores: Scores = np.concatenate(rows)[:, columns].astype(np.float32)
    return scores


def asked_in_sequence(network: Any, dataset: Any, parts: Any, name: str, items: int, longest: int) -> Scores:
    """For `test` it is told the choice held out for tuning as well, as ours is."""
    torch = importlib.import_module("torch")
    interaction = importlib.import_module("recbole.data.interaction").Interaction
    columns = numbers_of(dataset, "item_id", items)
    told = parts["train"]
    if name == "test":
        told = [np.concatenate(pair) for pair in zip(parts["train"], parts["valid"], strict=True)]
    rows = []
    with torch.inference_mode():
        for start in range(0, len(told), 256):
            some = [columns[own[-longest:]] for own in told[start : start + 256]]
            ids = torch.zeros(len(some), longest, dtype=torch.int64)
            for row, own in zip(ids, some, strict=True):
                row[: len(own)] = torch.from_numpy(own)
            lengths = torch.tensor([max(len(own), 1) for own in some])
            question = interaction({"item_id_list": ids, "item_length": lengths})
            rows.append(network.full_sort_predict(question).view(len(some), -1).numpy())
    scores: Scores = np.concatenate(rows)[:, columns].astype(np.float32)
    return scores


LIBRARIES: dict[str, Callable[[str, dict[str, Any], Any], Found]] = {
    "cornac": cornac_scores,
    "recbole": recbole_scores,
}


def main() -> None:
    if len(sys.argv) != 6:
        print(json.dumps({"benchmark": "recommend theirs", "skipped": "run by recommend_compare.py"}))
        return
    library, method, settings, split, out = sys.argv[1:]
    with np.load(split, allow_pickle=False) as file:
        found = LIBRARIES[library](method, json.loads(settings), file)
    np.savez(out, valid=found.valid, test=found.test)
    print(json.dumps(found.facts))


if __name__ == "__main__":
    main()
