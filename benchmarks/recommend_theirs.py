"""Another library learns and scores everybody; `recommend_compare.py` runs this in that library's environment.

    python benchmarks/recommend_theirs.py LIBRARY METHOD SETTINGS SPLIT.npz SCORES.npz

Knows nothing of Palate. Writes (people, items) scores for `valid` and for `test`, and prints what learning took.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
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


def histories(file: Any, name: str) -> list[NDArray[np.int64]]:
    ends = file[f"{name}_ends"]
    return [np.asarray(part) for part in np.split(file[name], ends[:-1])]


def cornac_scores(method: str, settings: dict[str, Any], split: Any) -> tuple[Scores, Scores, float, str]:
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
    return scores, scores, took, f"cornac {cornac.__version__}"


def recbole_scores(method: str, settings: dict[str, Any], split: Any) -> tuple[Scores, Scores, float, str]:
    """Its atomic files hold the three parts; people and items get numbers of its own, from 1."""
    recbole = importlib.import_module("recbole")
    config_of = importlib.import_module("recbole.config").Config
    data_of = importlib.import_module("recbole.data")
    tools = importlib.import_module("recbole.utils")
    parts = {name: histories(split, name) for name in ("train", "valid", "test")}
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
            "MAX_ITEM_LIST_LENGTH": 50,
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
        tools.init_seed(0, True)
        dataset = data_of.create_dataset(config)
        train, _, _ = data_of.data_preparation(config, dataset)
        network = tools.get_model(config["model"])(config, train.dataset).to("cpu")
        trainer = tools.get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
        began = time.process_time()
        trainer.fit(train, valid_data=None, saved=False, show_progress=False)
        took = time.process_time() - began
        network.eval()
        ask = asked_in_sequence if method in SEQUENTIAL else asked_by_number
        valid, test = (ask(network, dataset, parts, name, int(split["items"])) for name in ("valid", "test"))
    return valid, test, took, f"recbole {recbole.__version__}"


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


def asked_in_sequence(network: Any, dataset: Any, parts: Any, name: str, items: int) -> Scores:
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
            some = [columns[own[-50:]] for own in told[start : start + 256]]
            ids = torch.zeros(len(some), 50, dtype=torch.int64)
            for row, own in zip(ids, some, strict=True):
                row[: len(own)] = torch.from_numpy(own)
            lengths = torch.tensor([max(len(own), 1) for own in some])
            question = interaction({"item_id_list": ids, "item_length": lengths})
            rows.append(network.full_sort_predict(question).view(len(some), -1).numpy())
    scores: Scores = np.concatenate(rows)[:, columns].astype(np.float32)
    return scores


LIBRARIES: dict[str, Callable[[str, dict[str, Any], Any], tuple[Scores, Scores, float, str]]] = {
    "cornac": cornac_scores,
    "recbole": recbole_scores,
}


def main() -> None:
    if len(sys.argv) != 6:
        print(json.dumps({"benchmark": "recommend theirs", "skipped": "run by recommend_compare.py"}))
        return
    library, method, settings, split, out = sys.argv[1:]
    with np.load(split, allow_pickle=False) as file:
        valid, test, took, version = LIBRARIES[library](method, json.loads(settings), file)
    np.savez(out, valid=valid, test=test)
    print(json.dumps({"library": version, "cpu_s": took}))


if __name__ == "__main__":
    main()
