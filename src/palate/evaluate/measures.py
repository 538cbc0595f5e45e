"""What each number means: its aspect, which direction is better, and whose it is. Names are those after the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]
ASPECTS = (
    "accuracy",
    "pictures",
    "text",
    "cost",
    "people",
    "longitudinal",
    "fairness",
    "content",
    "privacy",
    "autonomy",
    "transparency",
    "social",
    "robustness",
)


@dataclass(frozen=True, slots=True)
class Measure:
    aspect: str
    better: Better
    cites: str


def _of(aspect: str, better: Better, /, **cites: str) -> dict[str, Measure]:
    return {name.replace("__", "-"): Measure(aspect, better, cited) for name, cited in cites.items()}


MEASURES: Mapping[str, Measure] = {
    **_of(
        "accuracy",
        "higher",
        ndcg="Järvelin and Kekäläinen 2002",
        recall="share of what was wanted that was found",
        precision="share of what was shown that was wanted",
        hit="share of people with a hit",
        mrr="Voorhees 1999",
        auc="share of pairs in the right order",
        accuracy="share of cases that are right",
        log_likelihood="mean log-probability of what happened",
        spearman="Spearman 1904",
        spearman_clip="Spearman 1904, with the real CLIP-Scores",
        spearman_models="Spearman 1904, among models that drew nothing of it",
        overlap="share of the first k that both orders have",
        adjusted_rand="Hubert and Arabie 1985",
        top1="share of cases whose answer is first",
        top2="share among the first 2",
        top3="share among the first 3",
        top4="share among the first 4",
        top5="share among the first 5",
        top1_chosen="share of cases whose first is what somebody chose",
        top1_drew="share of cases whose first is who drew it",
        success="share of people who found what they looked for",
        better="share of people better off (PASTA, section 6)",
        serendipity="Ge et al. 2010",
        pleased="share of models that a made person likes less than the one they end with; GEMRec, open questions",
        carried="the same for other prompts, with the model taken for one; GEMRec, open questions",
    ),
    **_of(
        "accuracy",
        "lower",
        rank="mean rank of the right answer",
        rank_chosen="mean rank of what somebody chose",
        rank_drew="mean rank of who drew it",
        worse="share of people worse off",
        turns="turns until it was found",
        falls="steps of EM that lowered the likelihood; none should (Dempster et al. 1977)",
    ),
    **_of(
        "accuracy",
        "higher",
        coverage="share of the catalogue that anybody is shown",
        novelty="mean surprise of what is shown, in bits (Vargas and Castells 2011)",
        diversity="mean distance within a list (Ziegler et al. 2005)",
        gain="true worth above the unranked slate's, in standard deviations",
    ),
    **_of("accuracy", "neither", gini="Gini of how often each item is shown"),
    **_of("accuracy", "neither", same="share of people no better or worse off"),
    "better-worse": Measure("accuracy", "higher", "better less worse"),
    "slate-reward": Measure("accuracy", "higher", "choices that a slate earns"),
    **_of(
        "pictures",
        "lower",
        fid="Heusel et al. 2017, eq. 6",
        kid="Bińkowski et al. 2018, eq. 3",
        cmmd="Jayasumana et al. 2024, section 4",
        copied="share nearer to a training picture than training pictures are to each other",
    ),
    **_of(
        "pictures",
        "higher",
        set_precision="Kynkäänniemi et al. 2019, eq. 2",
        set_recall="Kynkäänniemi et al. 2019, eq. 2",
        density="Naeem et al. 2020, eq. 3",
        coverage_of_set="Naeem et al. 2020, eq. 4",
        vendi="Friedman and Dieng 2023, eq. 2",
        clip_score="Hessel et al. 2021",
        aesthetics="NIMA's mean (Talebi and Milanfar 2018)",
        cts="100 cos of picture and words (Xu et al. 2025, Pigeon)",
        cis="100 cos of two pictures (Xu et al. 2025, Pigeon)",
        dis="100 cos of two pictures by DINO (Xu et al. 2025, Pigeon)",
        ssim="Wang et al. 2004, eq. 13",
        profile="a reader's consistency with the history",
        sharpness="mean step between neighbours, over that of real pictures",
        history="100 cos by an encoder that no reward used",
    ),
    **_of(
        "pictures",
        "lower",
        lpips="Zhang et al. 2018, eq. 1, unit weights",
        losses="share that is a copy, a blur or the same for everybody",
        pairwise="mean cosine of what different people get",
        near_identical="share of pairs of people who get the same",
    ),
    **_of("pictures", "lower", mcos="GEMRec, section 4: mean cosine to others of the prompt"),
    **_of(
        "text",
        "higher",
        bleu="Papineni et al. 2002",
        rouge_l="Lin 2004, section 3",
        distinct1="Li et al. 2016, section 5",
        distinct2="Li et al. 2016, section 5",
        groundedness="share of sentences that the facts hold",
        usable="share of candidates that pass every check",
        faithful="share of the prompt's words that are kept",
    ),
    **_of(
        "text",
        "lower",
        self_bleu="Zhu et al. 2018",
        perplexity="exp of the mean surprise of a word",
    ),
    **_of(
        "cost",
        "lower",
        p50_ms="by the clock",
        p95_ms="by the clock",
        p99_ms="by the clock",
        peak_mb="most memory at once",
        wh="cores at 15 W assumed, not measured",
        gflops="floating-point operations, counted",
        train__s="by the clock",
        train__cpu__s="of all cores together",
        train__wh="cores at 15 W assumed, not measured",
        request__ms="by the clock",
        kept__mb="what is kept",
        parameters="numbers that were learned",
        update_ms="by the clock",
    ),
    **_of("cost", "higher", per_second="answers a second"),
    **_of(
        "people",
        "neither",
        strength="Bradley and Terry 1952; ties half (Davidson 1970 where named)",
        share="share of answers",
    ),
    **_of(
        "people",
        "higher",
        win_rate="share of battles won, ties half",
        kappa="Cohen 1960",
        consistent="share of verdicts that stand when the sides are swapped",
    ),
    **_of(
        "longitudinal",
        "higher",
        satisfaction="true worth of what was picked, in standard deviations",
        variety="Vendi score of what one person was shown",
        power="share of trials in which a sequential test finds the better side",
    ),
    **_of(
        "longitudinal",
        "lower",
        drift="how far a person's taste moved from where it began",
        false_alarms="share of trials without a difference in which a sequential test finds one",
        stopped_at="share of the traffic that was needed",
    ),
    **_of("longitudinal", "neither", exposure_gini="Gini of how often each entry was shown"),
    **_of(
        "fairness",
        "lower",
        gap="best served group less the worst",
        snsr="Zhang et al. 2023, eq. 2",
        snsv="Zhang et al. 2023, eq. 3",
        exposure_gap="half the sum of |share shown - share there|",
        maker_gini="Gini of exposure by maker",
        parity_gap="|2 share of women - 1| among pictures drawn for an occupation (Cho et al. 2023)",
    ),
    **_of(
        "fairness",
        "higher",
        jaccard="Zhang et al. 2023",
        serp="Zhang et al. 2023",
        prag="Zhang et al. 2023",
        true_preference="Deldjoo and di Noia 2024: likeness to what the person truly likes",
    ),
    **_of(
        "privacy",
        "lower",
        membership_auc="Shokri et al. 2017; 0.5 is chance",
        left_behind="traces after forgetting",
    ),
    **_of("autonomy", "lower", outside="share of what is shown that the profile does not explain"),
    **_of(
        "autonomy",
        "higher",
        editable="share of a profile's statements whose removal changes the answer",
        heeded="share of statements that the answer follows",
    ),
    **_of("transparency", "higher", true_reasons="share of reasons without which the score is lower"),
    **_of(
        "social",
        "lower",
        bubble="share of variety lost by feedback",
        homogenised="how much more alike people's lists become",
        polarised="how much further the two halves of people drift apart",
        displaced="share of human makers' exposure that drawn pictures take",
        alone="share of what a person is shown that nobody else is",
    ),
    **_of(
        "robustness",
        "lower",
        rank_shift="share of the honest order that attackers turn, pushed thing first",
        honest_loss="NDCG that honest people lose",
        extracted="overlap of a copy's answers with the original's",
        hijacked="share of people whose first answer is the attackers'",
    ),
    **_of(
        "robustness",
        "higher",
        detection_auc="how well attackers are told from people",
        held="share of attacks that change nothing",
    ),
}


def base_name(metric: str) -> str:
    """`ease/ndcg@10` is a kind of `ndcg`."""
    return metric.rpartition("/")[2].partition("@")[0]


def measure_of(metric: str, own: Mapping[str, Measure]) -> Measure | None:
    """By its name, else by what it begins with: `cts-target` and `cts-target-best` are kinds of `cts`."""
    name = base_name(metric)
    while name:
        for known in (name, name.replace("-", "_")):
            if found := own.get(known) or MEASURES.get(known):
                return found
        name = name.rpartition("-")[0]
    return None
