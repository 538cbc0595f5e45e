"""What each reward does alone, what is lost without it, what weights and twice the steps change: a GRPO run a row.

    python benchmarks/personalise_ablation.py --data DIR --sft FOLDER [--only alone,without] [--steps 8] [--out DIR]
    python benchmarks/personalise_ablation.py --data DIR --sft FOLDER --only twice --plot docs/papers/twice.svg

All runs begin from the same SFT with the same histories and seeds, and none is stopped, so that what a reward leads to
is seen. A row says how its own rewards, what no reward used, the diversity and the spread within groups moved between
the first look and the last; curves of every step lie in the run's folder. Runs that are done are not done again.
`--planted` takes the hub's own pictures in place of --data.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from palate.personalise.curves import draw_curves

DEFAULTS = ("cts-history", "cis-history", "dis-history", "cts-future", "cis-future", "aesthetics")
"""Those that count where nothing is said (`palate.personalise.rewards.RewardConfig`)."""
ALONE = (*DEFAULTS, "lpips-history", "ssim-history", "profile", "diversity", "listening")
HACKED = "cis-history=1,lpips-history=1"
"""Rewards under which everybody's pictures became alike after a few steps."""
PLOTTED = {"reward_std": "spread", "unseen": "unseen, z", "diversity": "diversity"}
"""Of the log, over the steps; the first is of every step, the others of the looks."""
SWEPT = (0.25, 1.0, 4.0)
LONGER = {
    "plain": (HACKED, ()),
    "entropy": (HACKED, ("entropy=0.02",)),
    "diversity": (f"{HACKED},diversity=1", ()),
    "curriculum": (HACKED, ("curriculum={steps}",)),
    "closer": (HACKED, ("kl=0.1",)),
    "all": (f"{HACKED},diversity=1", ("entropy=0.02", "curriculum={steps}", "kl=0.1")),
}


def runs(steps: int) -> dict[str, tuple[str, int, tuple[str, ...]]]:
    """Group/name to rewards, steps and settings."""
    found: dict[str, tuple[str, int, tuple[str, ...]]] = {"alone/all-six": ("", steps, ())}
    found |= {f"alone/{name}": (f"{name}=1", steps, ()) for name in ALONE}
    found |= {f"without/{name}": (f"-{name}", steps, ()) for name in DEFAULTS}
    found |= {f"weight/cis-{w:g}-to-dis-1": (f"cis-history={w:g},dis-history=1", steps, ()) for w in SWEPT}
    found |= {f"weight/diversity-{w:g}": (f"cis-history=1,dis-history=1,diversity={w:g}", steps, ()) for w in SWEPT}
    for name, (rewards, settings) in LONGER.items():
        found[f"twice/{name}"] = (rewards, 2 * steps, tuple(one.format(steps=steps) for one in settings))
    return found


def moved(log: Path) -> dict[str, Any]:
    """Between the first look and the last; spreads within groups at the first step and at the last."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    looks, steps = [row for row in rows if "unseen" in row], [row for row in rows if "reward_std" in row]
    first, last = looks[0], looks[-1]
    best = max(looks, key=lambda row: float(row["unseen"]))
    found = {name: round(last[name] - first[name], 3) for name in ("trained", "unseen")}
    found |= {name: [round(row[name], 3) for row in (first, last)] for name in ("diversity", "raw/same-popular")}
    found |= {"sharpness": round(last["raw/sharpness"] / max(first["raw/sharpness"], 1e-9), 3)}
    found |= {"spread": [round(row["reward_std"], 3) for row in (steps[0], steps[-1])], "best_step": best["best_step"]}
    return found | {"kl": round(float(steps[-1]["kl"]), 4), "alarm": last.get("alarm", "")}


def plot(out: Path, names: list[str], target: Path) -> None:
    """A row of charts a run: the spread of its rewards, what no reward used, how unlike a history's pictures are."""
    rows: list[dict[str, Any]] = []
    for name in names:
        logged = [json.loads(line) for line in (out / name / "log.jsonl").read_text().splitlines()]
        for key, title in PLOTTED.items():
            shown = f"{name.replace('without/', 'no ').rpartition('/')[2]}: {title}"
            rows += [{"step": row["step"], shown: row[key]} for row in logged if key in row]
    target.parent.mkdir(parents=True, exist_ok=True)
    draw_curves(rows, target)


def run(given: argparse.Namespace, name: str, rewards: str, steps: int, settings: tuple[str, ...]) -> dict[str, Any]:
    folder = given.out / name
    kept = folder / "row.json"
    if not kept.exists():
        data = ["--planted"] if given.planted else ["--data", str(given.data)]
        command = [str(Path(sys.executable).with_name("palate")), "train", "personalise", "grpo", *data]
        command += ["--from", str(given.sft), "--out", str(folder), "--steps", str(steps), "--json", "--device", "cpu"]
        command += ["--hub", given.hub] if given.hub else []
        command += ["--rewards", rewards] if rewards else []
        every = {"stops": "false", "every": max(given.steps // 2, 1), "windows": given.windows, "warm": 3}
        every |= {"histories": given.histories, "group": 4, "part": given.histories, "rate": given.rate}
        for setting in (*(f"{key}={value}" for key, value in every.items()), *settings):
            command += ["--set", setting]
        folder.mkdir(parents=True, exist_ok=True)
        command += ["--resume"] if (folder / "log.jsonl").exists() else []
        with (folder / "said.txt").open("w") as said:
            if subprocess.run(command, stdout=said, stderr=subprocess.STDOUT, check=False).returncode:
                return {"run": name, "failed": (folder / "said.txt").read_text().strip().splitlines()[-1:]}
        kept.write_text(json.dumps({"run": name, "rewards": rewards, "steps": steps, **moved(folder / "log.jsonl")}))
    row: dict[str, Any] = json.loads(kept.read_text())
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--sft", type=Path)
    parser.add_argument("--only", default="alone,without,weight,twice", help="Groups, or single rows.")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--histories", type=int, default=6)
    parser.add_argument("--windows", type=int, default=12)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--hub", default="")
    parser.add_argument("--out", type=Path, default=Path(".cache/personalise-ablation"))
    parser.add_argument("--plot", type=Path, help="Run nothing: an SVG of the runs that are done.")
    given = parser.parse_args()
    if given.sft is None or (given.data is None and not given.planted):
        print(json.dumps({"benchmark": "personalise ablation", "skipped": "needs --sft, and --data or --planted"}))
        return
    only = set(given.only.split(","))
    asked = {name: one for name, one in runs(given.steps).items() if {name, name.partition("/")[0]} & only}
    if given.plot is not None:
        plot(given.out, [name for name in asked if (given.out / name / "row.json").exists()], given.plot)
        return
    for name, (rewards, steps, settings) in asked.items():
        told = run(given, name, rewards, steps, settings)
        print(json.dumps({"benchmark": "personalise ablation", **told}), flush=True)


if __name__ == "__main__":
    main()
