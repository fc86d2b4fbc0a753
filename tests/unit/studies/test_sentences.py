"""What is said of a verdict: the arm to use, by how much, what is undecided and what would decide it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regbench.evidence.effects import Chances, Wins
from regbench.evidence.intervals import Difference, Interval
from regbench.evidence.verdict import ArmVerdict, Rules, Verdict, choose_headline
from regbench.evidence.words import Needs, Word
from regbench.metrics import METRICS
from regbench.studies.sentences import (
    MOST_NAMED,
    describe_few_rows,
    describe_headline,
    describe_how,
    describe_lost_tuning,
    describe_surer,
    list_warnings,
    mark_warnings,
)

ACCURACY, MSE = METRICS["accuracy"], METRICS["mse"]


def make_arm(
    name: str, mean: float, half: float, word: Word | None, needs: Needs | None = None, together: float = 1.5
) -> ArmVerdict:
    """An arm with a difference ± half, and ± so many halves for all arms at once."""
    return ArmVerdict(
        name=name,
        mean=0.8 + mean,
        difference=Difference(mean, 1e-4, 20),
        interval=Interval(mean - half, mean + half),
        together=Interval(mean - together * half, mean + together * half),
        p_adjusted=0.5,
        word=word,
        identical=False,
        needs=needs,
        wins=Wins(10, 0, 0.5, Interval(0.3, 0.7)),
        chances=Chances(0.3, 0.4, 0.3),
        relative_error_change=None,
        standardised=None,
    )


def make_verdict(*arms: ArmVerdict, close: tuple[str, ...] = (), baseline: str = "none") -> Verdict:
    leader = next((arm.name for arm in arms if arm.word is Word.BETTER), arms[0].name)
    return Verdict(
        baseline=baseline,
        baseline_mean=0.8,
        baseline_sd=0.01,
        replicates=20,
        rules=Rules(),
        alpha=0.025,
        critical=3.0,
        headline=choose_headline([arm.word for arm in arms]),
        leader=leader,
        not_told_apart=close,
        arms=arms,
    )


DROPOUT = make_arm("dropout", 0.026, 0.017, Word.BETTER)
SAM = make_arm("sam", 0.013, 0.014, Word.UNDECIDED, Needs(replicates=55))
MIXUP = make_arm("mixup", 0.013, 0.012, Word.UNDECIDED, Needs(replicates=45))
L2 = make_arm("l2", -0.03, 0.01, Word.WORSE)
EMA, MAX_NORM = (make_arm(name, 0.001, 0.004, Word.NO_DIFFERENCE) for name in ("ema", "max_norm"))


def test_the_arm_to_use_has_its_gain_its_range_and_its_cost() -> None:
    verdict = make_verdict(DROPOUT, SAM, MIXUP, close=("sam", "mixup"))
    assert describe_headline(verdict, ACCURACY, {"dropout": 1.4, "sam": 2.4, "mixup": 1.0}) == (
        "Use dropout: better than the same network without it by 2.6 points of accuracy (0.0 to 5.2 with all 3 arms "
        "accounted for), at 1.4 times the training time. Not told apart from it: sam and mixup."
    )


def test_what_is_not_told_apart_and_costs_under_half_is_named_first() -> None:
    verdict = make_verdict(DROPOUT, SAM, MIXUP, close=("sam", "mixup"))
    said = describe_headline(verdict, ACCURACY, {"dropout": 2.0, "sam": 1.9, "mixup": 0.98})
    assert said.endswith("Not told apart from it: mixup and sam (mixup trains in 49 % of its time).")
    said = describe_headline(verdict, ACCURACY, {"dropout": 2.0, "sam": 1.9, "mixup": 1.0})
    assert said.endswith("Not told apart from it: sam and mixup.")


def test_a_range_for_all_arms_that_holds_no_difference_is_not_given() -> None:
    arm = replace(DROPOUT, together=Interval(-0.001, 0.053))
    said = describe_headline(make_verdict(arm, SAM), ACCURACY, {})
    assert "(0.9 to 4.3 for this arm alone; that it is better holds with all 2 arms accounted for)." in said


def test_one_arm_alone_has_nothing_to_account_for() -> None:
    assert "(0.1 to 5.2)." in describe_headline(
        make_verdict(replace(DROPOUT, together=Interval(0.001, 0.052))), ACCURACY, {}
    )


def test_the_baseline_is_no_arm_that_is_not_told_apart() -> None:
    verdict = make_verdict(DROPOUT, SAM, close=("l2", "sam"), baseline="l2")
    said = describe_headline(verdict, ACCURACY, {})
    assert said.startswith("Use dropout: better than l2 by 2.6 points of accuracy ")
    assert said.endswith("Not told apart from it: sam.")


def test_a_figure_of_which_less_is_better_is_lower() -> None:
    arm = make_arm("dropout", 3.1, 2.0, Word.BETTER, together=1.2)
    assert describe_headline(make_verdict(arm, SAM), MSE, {}) == (
        "Use dropout: better than the same network without it: mse lower by 3.1000 (0.7000 to 5.5000 with all 2 arms "
        "accounted for)."
    )


def test_a_network_that_needs_nothing_is_told_so() -> None:
    assert describe_headline(make_verdict(EMA, MAX_NORM), ACCURACY, {}) == (
        "This network needs none of the 2: none changes accuracy by more than 1 point."
    )
    assert describe_headline(make_verdict(EMA), ACCURACY, {}) == (
        "This network does not need ema: it does not change accuracy by more than 1 point."
    )


def test_against_an_arm_nothing_is_said_of_what_the_network_needs() -> None:
    assert describe_headline(make_verdict(EMA, MAX_NORM, baseline="l2"), ACCURACY, {}) == (
        "Against l2, none of the 2 arms changes accuracy by more than 1 point."
    )


def test_worse_arms_are_named_and_those_that_change_nothing() -> None:
    assert describe_headline(make_verdict(EMA, L2), ACCURACY, {}) == (
        "Nothing is better than the same network without them: l2 is worse; ema does not change accuracy by more than "
        "1 point."
    )


def test_undecided_says_what_would_decide_the_nearest_arm() -> None:
    assert describe_headline(make_verdict(SAM, MIXUP, EMA), ACCURACY, {}) == (
        "Undecided: sam and mixup against the same network without them; 45 further replicates would decide mixup in "
        "about 80 % of cases."
    )
    rows = make_arm("sam", 0.01, 0.02, Word.UNDECIDED, Needs(rows=2300))
    assert describe_headline(make_verdict(rows), ACCURACY, {}) == (
        "Undecided: sam against the same network without it; more replicates cannot decide sam, more rows can."
    )


def test_undecided_says_nothing_where_nothing_is_known_to_decide() -> None:
    verdict = make_verdict(make_arm("sam", 0.01, 0.02, Word.UNDECIDED, Needs()))
    assert describe_headline(verdict, ACCURACY, {}) == "Undecided: sam against the same network without it."
    assert describe_surer(verdict, 1.0) is None


def test_a_sentence_lists_few_arms_and_counts_the_rest() -> None:
    arms = [make_arm(f"a{place}", 0.01, 0.02, Word.UNDECIDED, Needs()) for place in range(MOST_NAMED + 1)]
    assert "Undecided: a0, a1, a2, a3 and 2 more against" in describe_headline(make_verdict(*arms), ACCURACY, {})
    assert "Undecided: a0, a1, a2, a3 and a4 against" in describe_headline(make_verdict(*arms[:-1]), ACCURACY, {})


def test_few_replicates_give_no_words() -> None:
    verdict = replace(make_verdict(replace(SAM, word=None)), replicates=9)
    said = describe_headline(verdict, ACCURACY, {})
    assert said == "No words yet: 9 replicates say too little; words are given from 10 on."


def test_surer_names_the_arms_that_the_fewest_replicates_decide() -> None:
    tied = make_arm("ema", 0.013, 0.012, Word.UNDECIDED, Needs(replicates=45))
    assert describe_surer(make_verdict(DROPOUT, SAM, MIXUP), 100 / 45) == (
        "the same command with --more 45: about 80 % chance to decide mixup, 1 min 40 s"
    )
    assert describe_surer(make_verdict(SAM, MIXUP, tied), 2.0) == (
        "the same command with --more 45: about 80 % chance each to decide mixup and ema, 1 min 30 s"
    )


def test_surer_names_rows_only_where_no_number_of_replicates_decides() -> None:
    rows = make_arm("l1", 0.01, 0.02, Word.UNDECIDED, Needs(rows=2300))
    assert describe_surer(make_verdict(rows), 1.0) == (
        "more replicates cannot decide l1: it takes about 2,300 rows to test"
    )
    assert "--more 55" in str(describe_surer(make_verdict(rows, SAM), 1.0))
    assert describe_surer(make_verdict(EMA), 1.0) is None


def test_overrides_can_be_pasted_into_a_shell() -> None:
    assert describe_how(["regularizer=[l2,ema]", "a.b=0.1"]) == "'regularizer=[l2,ema]' a.b=0.1"


@pytest.mark.parametrize(("name", "said"), [("accuracy", "0.9 points"), ("r2", "0.0090"), ("mse", "0.0090")])
def test_what_tuning_lost_is_in_the_figures_own_unit(name: str, said: str) -> None:
    assert describe_lost_tuning(8, 0.009, METRICS[name]) == (
        f"8 trials lost {said} against the settings as typed: study.trials=16 may raise every arm"
    )


def test_a_row_is_worth_points_of_accuracy_alone() -> None:
    assert describe_few_rows(40, ACCURACY) == "few rows: a replicate tests 40 rows, so that one row is 2.5 points"
    assert describe_few_rows(40, MSE) == "few rows: a replicate tests 40 rows"


def test_warnings_are_one_line_a_kind() -> None:
    found = {
        "none": ["edge schedule.optimizer.lr"],
        "weight_decay": ["inert: no trial changed a validation figure by 0.5 %"],
        "dropout": ["diverged 3/160", "edge regularizer.dropout.rate"],
        "l2+dropout": ["edge regularizer.dropout.rate"],
    }
    assert list_warnings(found) == [
        "inert: no trial of weight_decay changed a validation figure by 0.5 %; widen what is tried with study.search",
        "edge: recommended at the end of what is tried, which study.search widens: lr of none, dropout.rate and "
        "dropout.rate of l2+dropout",
        "diverged: dropout 3/160 trials",
    ]
    assert list_warnings({"none": []}) == []
    assert [mark_warnings(own) for own in found.values()] == ["edge", "inert", "diverged 3/160 edge", "edge"]


def test_names_from_a_file_are_printable() -> None:
    said = describe_headline(make_verdict(replace(DROPOUT, name="a\x1b[31m")), ACCURACY, {})
    assert "Use a\\x1b[31m:" in said
