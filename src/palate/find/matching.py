"""The paper's own ways to identify, over a hub: PMI (Eq. 9), its unweighted form MMS, and RKME."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.find.hub import Hub
from palate.find.pmi import choose_gamma, fit_mms, fit_pmi
from palate.find.requirement import Requirement
from palate.find.rkme import fit_rkme

Floats = NDArray[np.float64]


def matching_scores(hub: Hub, asked: Requirement, by: str) -> tuple[Floats, list[str]]:
    """(M,) higher is better; and what the answer could not rest on."""
    if asked.pictures is None:
        raise PalateError("no_pictures", "give at least one example picture")
    known = hub.specifications
    if by == "rkme":
        return np.asarray(fit_rkme(known).scores(asked.pictures), dtype=np.float64), []
    if by == "mms":
        matching = fit_mms(known, gamma=_gamma(hub, weighted=False))
        return np.asarray(matching.scores(asked.pictures), dtype=np.float64), []
    if not known.has_prompt.any():
        raise PalateError(
            "no_prompts", "PMI needs to know what the pictures here were drawn from", hint="try --by style"
        )
    matching = fit_pmi(known, gamma=_gamma(hub, weighted=True))
    if asked.captions is None:
        said = "PMI without captions weighs all prompts alike; give --caption, or set a captioner"
        return np.asarray(matching.scores(asked.pictures), dtype=np.float64), [said]
    return np.asarray(matching.scores(asked.pictures, asked.captions), dtype=np.float64), []


def _gamma(hub: Hub, *, weighted: bool) -> float:
    def learn() -> dict[str, NDArray[np.generic]]:
        known = hub.specifications.take(hub.specifications.has_prompt) if weighted else hub.specifications
        return {"gamma": np.array(choose_gamma(known, weighted=weighted))}

    return float(hub.kept("pmi-gamma" if weighted else "mms-gamma", learn)["gamma"])
