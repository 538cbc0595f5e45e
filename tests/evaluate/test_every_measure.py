"""Every registered measure has a direction, a source, a test whose answer is known, and a library that agrees, or a
reason why none does. A measure that is added without them fails here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from palate.evaluate.measures import ASPECTS, MEASURES, measure_of
from palate.evaluate.scenario import shipped

TESTS = Path(__file__).parents[1]
MEAN = "a mean of yes and no, or of what is named: there is nothing to agree with"
NONE = "no library that is kept has it"
CLOCK = "read from the clock or the process, not computed"

RANKING, LISTS = "metrics/test_ranking_metrics.py", "metrics/test_list_metrics.py"
SETS, OTHER, LIKENESS = (
    "metrics/test_picture_sets.py",
    "metrics/test_other_libraries.py",
    "metrics/test_likeness_metrics.py",
)
TEXT, BATTLES, FAIR = "metrics/test_text_metrics.py", "metrics/test_battles.py", "metrics/test_fairness.py"
HAND, COSTS, PEOPLE = "evaluate/test_by_hand.py", "evaluate/test_cost_and_text.py", "evaluate/test_gemrec_people.py"
AUDITS, REWARDS = "evaluate/test_audits.py", "personalise/test_rewards.py"

FIRST = (f"{HAND}:test_shares_of_first_places_count_ties_against", MEAN)
ASKED = (f"{LISTS}:test_measures_by_hand", f"{LISTS}:test_measures_agree_with_another_library")
ORDER = (
    f"{RANKING}:test_spearman_of_equal_and_opposite_orders",
    f"{RANKING}:test_spearman_agrees_with_scipy_whatever_the_ties",
)
CHOSEN = ("evaluate/test_gemrec_find.py:test_people_choose_the_best_of_what_they_saw", MEAN)
DREW = ("evaluate/test_gemrec_identify.py:test_ranks_of_one_picture_by_hand_with_ties_against", MEAN)
ENDED = ("evaluate/test_steering_scenario.py:test_better_same_and_worse_by_hand", MEAN)
GOALS = ("converse/test_goals.py:test_questions_and_critiques_find_what_paging_does_not", MEAN)
PLANTED = "evaluate/test_user_types.py:test_planted_people_are_found_and_nothing_falls"
SEEN = (
    f"{REWARDS}:test_picture_relevance_is_a_hundred_times_the_mean_cosine",
    f"{OTHER}:test_clip_score_is_a_hundred_of_scikit_learns_cosine",
)
NEAR = (f"{SETS}:test_neighbours_on_a_line", f"{SETS}:test_neighbours_agree_with_scikit_learn")
PERCENTILE = (f"{COSTS}:test_percentiles_by_hand", "numpy's own percentiles")
COUNTED = (f"{LISTS}:test_costs_by_hand", CLOCK)
VENDI = (f"{SETS}:test_vendi_counts_what_differs", f"{OTHER}:test_vendi_is_the_exponential_of_scipys_entropy")
LIVES = (f"{HAND}:test_lives_by_hand", NONE)
TRIALS = ("metrics/test_sequential.py:test_looking_after_every_visitor_costs_no_false_alarms", NONE)
FAIRLLM = (f"{FAIR}:test_measures_by_hand", f"{OTHER}:test_jaccard_agrees_with_scikit_learn_and_spread_with_numpy")
EXPOSED = ("evaluate/test_fairness_scenario.py:test_exposure_by_hand", NONE)
AUC = ("evaluate/test_poisoning.py:test_auc_by_hand", f"{OTHER}:test_the_attackers_auc_agrees_with_scikit_learn")
ATTACKED = (f"{HAND}:test_a_target_that_climbs_by_hand", NONE)
PROFILE = (f"{AUDITS}:test_what_is_disliked_goes_and_shares_are_shares", MEAN)
GINI = f"{OTHER}:test_gini_is_the_mean_difference_of_scipys_distances"
LOSSES = "evaluate/test_personalise_scenario.py:test_copies_and_blurs_are_losses_and_new_pictures_are_not"
PAIRS = f"{LIKENESS}:test_pairs_are_counted_without_each_with_itself"

PROOFS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("ndcg", "recall", "precision", "hit", "mrr"), ASKED),
    "auc": (f"{LISTS}:test_auc_by_hand_and_ties_against", f"{LISTS}:test_auc_agrees_with_another_library"),
    "accuracy": FIRST,
    "log_likelihood": ("taste/test_types.py:test_bradley_terry_by_hand", MEAN),
    **dict.fromkeys(("spearman", "spearman_clip", "spearman_models"), ORDER),
    "overlap": (f"{RANKING}:test_overlap_counts_what_both_put_on_top", MEAN),
    "adjusted_rand": (
        "metrics/test_cluster_metrics.py:test_the_same_groups_under_other_names_are_one",
        "metrics/test_cluster_metrics.py:test_it_agrees_with_scikit_learn",
    ),
    **dict.fromkeys(("top1", "top2", "top3", "top4", "top5", "rank"), FIRST),
    **dict.fromkeys(("top1_chosen", "rank_chosen"), CHOSEN),
    **dict.fromkeys(("top1_drew", "rank_drew"), DREW),
    **dict.fromkeys(("success", "turns"), GOALS),
    **dict.fromkeys(("better", "worse", "same", "better-worse", "gain"), ENDED),
    "slate-reward": (f"{LISTS}:test_the_reward_of_a_slate_by_hand", NONE),
    "serendipity": (f"{LISTS}:test_only_hits_that_popularity_would_not_have_shown_are_serendipitous", NONE),
    "pleased": (f"{PEOPLE}:test_how_pleased_is_the_share_of_models_liked_less", MEAN),
    "carried": (f"{PEOPLE}:test_a_model_carries_over_where_its_look_is_the_same_for_every_prompt", MEAN),
    "falls": (PLANTED, MEAN),
    "coverage": (f"{LISTS}:test_the_catalogue_s_side_by_hand", MEAN),
    "gini": (f"{LISTS}:test_the_catalogue_s_side_by_hand", GINI),
    "novelty": (f"{LISTS}:test_the_catalogue_s_side_by_hand", NONE),
    "diversity": (f"{LISTS}:test_diversity_by_hand", NONE),
    "fid": (
        "metrics/test_picture_metrics.py:test_in_one_dimension_it_is_the_means_and_the_deviations",
        "metrics/test_picture_metrics.py:test_it_agrees_with_torchmetrics",
    ),
    "kid": (f"{SETS}:test_kid_by_hand", f"{SETS}:test_kid_agrees_with_torchmetrics"),
    "cmmd": (f"{SETS}:test_cmmd_by_hand_and_of_equal_sets", f"{OTHER}:test_cmmd_is_made_of_scikit_learns_kernel"),
    "copied": (f"{SETS}:test_a_copy_is_found_and_a_fresh_picture_is_not_always_one", NONE),
    **dict.fromkeys(("set_precision", "set_recall", "density", "coverage_of_set"), NEAR),
    "vendi": VENDI,
    "clip_score": (f"{SETS}:test_clip_score_by_hand", f"{OTHER}:test_clip_score_is_a_hundred_of_scikit_learns_cosine"),
    "mcos": (
        "find/test_scores.py:test_mcos_counts_the_picture_itself",
        "find/test_scores.py:test_on_the_real_features_they_equal_an_independent_double_precision_loop",
    ),
    "aesthetics": (f"{REWARDS}:test_the_mover_s_distance_counts_how_far", NONE),
    "cts": (f"{REWARDS}:test_word_relevance_is_to_the_items_words", SEEN[1]),
    **dict.fromkeys(("cis", "dis", "history"), SEEN),
    "ssim": (
        f"{LIKENESS}:test_two_flat_greys_differ_by_their_means_alone",
        f"{LIKENESS}:test_it_agrees_with_torchmetrics",
    ),
    "lpips": (f"{LIKENESS}:test_features_at_right_angles_are_two_apart_and_length_does_not_count", NONE),
    "profile": (f"{REWARDS}:test_the_pocket_s_reader_compares_what_it_sees_with_the_history", NONE),
    "sharpness": (f"{LIKENESS}:test_a_ramp_of_three_levels_a_pixel_is_three_sharp", NONE),
    "losses": (LOSSES, MEAN),
    **dict.fromkeys(("pairwise", "near_identical"), (PAIRS, MEAN)),
    "bleu": (f"{TEXT}:test_bleu_clips_repeated_words", f"{TEXT}:test_bleu_agrees_with_another_library"),
    "rouge_l": (f"{TEXT}:test_rouge_by_hand", f"{OTHER}:test_rouge_agrees_with_torchmetrics"),
    **dict.fromkeys(("distinct1", "distinct2"), (f"{TEXT}:test_distinct_and_perplexity_by_hand", NONE)),
    "perplexity": (f"{TEXT}:test_distinct_and_perplexity_by_hand", f"{OTHER}:test_perplexity_agrees_with_torchmetrics"),
    "self_bleu": (f"{COSTS}:test_bigrams_by_hand", f"{TEXT}:test_bleu_agrees_with_another_library"),
    "groundedness": ("converse/test_choosing.py:test_groundedness_is_a_share", NONE),
    **dict.fromkeys(("usable", "faithful"), (f"{COSTS}:test_what_cannot_be_used_counts_against_a_writer", MEAN)),
    **dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "per_second", "request-ms"), PERCENTILE),
    **dict.fromkeys(("wh", "train-wh", "parameters", "kept-mb"), COUNTED),
    **dict.fromkeys(
        ("peak_mb", "train-s", "train-cpu-s", "update_ms"),
        (f"{COSTS}:test_what_recommenders_cost_is_named_and_positive", CLOCK),
    ),
    "gflops": ("evaluate/test_cost_and_text.py:test_what_recommenders_cost_is_named_and_positive", CLOCK),
    "strength": (
        f"{BATTLES}:test_strengths_are_the_log_odds_of_winning",
        f"{OTHER}:test_strengths_are_scipys_most_likely_ones",
    ),
    "share": (
        "evaluate/test_judging.py:test_a_survey_leaves_out_what_all_answer_alike_and_its_options_are_shuffled",
        MEAN,
    ),
    "win_rate": (f"{BATTLES}:test_ties_are_half_a_win_for_both", MEAN),
    "kappa": (f"{BATTLES}:test_agreement_is_cohens_kappa", f"{OTHER}:test_kappa_agrees_with_scikit_learn"),
    "consistent": ("evaluate/test_judging.py:test_a_judge_of_places_is_no_judge_and_one_of_names_is", MEAN),
    **dict.fromkeys(("satisfaction", "drift", "bubble", "homogenised"), LIVES),
    "variety": (f"{HAND}:test_lives_by_hand", VENDI[1]),
    "exposure_gini": (f"{HAND}:test_lives_by_hand", GINI),
    "polarised": (f"{HAND}:test_people_who_part_are_polarised", NONE),
    **dict.fromkeys(("power", "false_alarms", "stopped_at"), TRIALS),
    "gap": (f"{FAIR}:test_the_worst_gap_is_between_groups_that_are_large_enough", NONE),
    **dict.fromkeys(("snsr", "snsv"), (f"{FAIR}:test_spread_over_the_values_of_an_attribute", FAIRLLM[1])),
    **dict.fromkeys(("exposure_gap", "maker_gini"), EXPOSED),
    "parity_gap": ("evaluate/test_parity.py:test_a_gap_by_hand", MEAN),
    "jaccard": FAIRLLM,
    **dict.fromkeys(("serp", "prag"), (FAIRLLM[0], NONE)),
    "true_preference": ("evaluate/test_fairness_scenario.py:test_true_preference_is_likeness_to_what_is_liked", MEAN),
    **dict.fromkeys(("membership_auc", "detection_auc"), AUC),
    "left_behind": (f"{AUDITS}:test_nothing_of_an_erased_person_is_in_any_row", MEAN),
    **dict.fromkeys(("outside", "editable", "heeded"), PROFILE),
    "true_reasons": (f"{AUDITS}:test_the_reasons_that_are_given_are_true_more_often_than_any_other_choice", MEAN),
    "displaced": (
        f"{HAND}:test_what_drawn_pictures_take_is_their_share_of_what_is_shown_less_their_share_of_the_catalogue",
        MEAN,
    ),
    "alone": (f"{HAND}:test_what_nobody_else_is_shown", MEAN),
    **dict.fromkeys(("rank_shift", "honest_loss", "hijacked"), ATTACKED),
    "extracted": ("evaluate/test_red_team_scenario.py:test_overlap_by_hand", MEAN),
    "held": (
        "evaluate/test_red_team_scenario.py:test_failures_and_errors_are_not_held_and_skipped_ones_are_not_counted",
        MEAN,
    ),
}


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_measure_is_proven_and_nothing_else_is() -> None:
    assert set(PROOFS) == set(MEASURES)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_a_measure_has_a_direction_a_source_and_its_proofs(name: str) -> None:
    measure = MEASURES[name]
    assert measure.aspect in ASPECTS
    assert measure.better in ("higher", "lower", "neither")
    assert len(measure.cites) > 8, "whose it is, or what it counts"
    for proof in PROOFS[name]:
        file, _, test = proof.partition(":")
        if file.endswith(".py"):
            assert test in named_in(file), proof
        else:
            assert proof in (MEAN, NONE, CLOCK, PERCENTILE[1])
    assert PROOFS[name][0].partition(":")[0].endswith(".py"), "an answer that is known is a test"


def test_scenarios_bring_no_measure_of_their_own_without_a_source() -> None:
    for scenario in shipped():
        for name, measure in scenario.measures.items():
            assert measure.cites, f"{scenario.name}: {name}"


def test_kinds_of_a_measure_are_known_by_what_they_begin_with() -> None:
    for metric, name in (("sft/cts-target-best", "cts"), ("em/accuracy@K=8", "accuracy"), ("a/rouge-l", "rouge_l")):
        assert measure_of(metric, {}) is MEASURES[name]
    assert measure_of("a/unheard-of", {}) is None
