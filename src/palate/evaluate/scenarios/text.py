"""What the offline writer writes; a case is a prompt."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.wording import evaluate_text

    return evaluate_text(asked.data, cases=asked.cases, seed=asked.seed, out=asked.out)


SCENARIO = Scenario(
    name="text",
    aspects=("text",),
    asks="candidate prompts: how many can be used, how faithful, how varied, how natural",
    run=run,
    headline={
        "offline/usable": "share of candidate prompts that pass every check",
        "offline/faithful": "share of the prompt's words they keep",
        "offline/distinct2": "share of pairs of words that are not repeated",
    },
    sizes=(Size(20, 5.0), Size(60, 12.0)),
)
