"""A study on a terminal: the layout of plan, progress, table and sentences, at every width."""

from __future__ import annotations

import io
import sys
from copy import deepcopy
from pathlib import Path

import pytest

from regbench.display.study import StudyDisplay, find_width, print_lines, print_plan
from regbench.display.study_table import list_files, list_plan, list_verdict, say
from tests.unit.display.made_up_study import make_arm, make_plan, make_verdict

PLAN = """\
data       digits: 1,797 rows, 64 inputs, 10 classes; 150 training rows, 20 % of their labels wrong
network    mlp 64-64, adam, up to 60 epochs, stopped on val_loss; 8,970 parameters
arms       8 techniques against none; every arm tunes its learning rate, 8 trials each
plan       20 replicates (4 x 5 folds) x (8 trials + 1 fresh run) = 180 runs an arm, 1,640 runs, about 50 s on 2 workers
"""

VERDICT = """\
arm                accuracy    difference, 95 % interval       word               x train     wins
dropout              84.4 %    +2.6  [+0.9, +4.3]    ██████    better                 1.4    17/20
sam                  83.2 %    +1.3  [-0.1, +2.7]    ███       undecided   +55        2.4    14/20
mixup                83.1 %    +1.3  [+0.1, +2.5]    ███       undecided   +45        1.0    16/20
label_smoothing      83.1 %    +1.2  [+0.1, +2.4]    ███       undecided   +40        1.0    16/20
max_norm             82.2 %    +0.3  [-0.3, +1.0]    █         no difference          1.0    11/20
weight_decay         81.9 %    +0.0  [-0.5, +0.6]              no difference          1.1     9/20    inert
none                 81.9 %    baseline                                               1.0
batch_norm           80.7 %    -1.1  [-3.7, +1.4]    ███       undecided  +315        1.0    10/20
l2                   80.6 %    -1.2  [-3.6, +1.2]    ███       undecided  +225        1.0     8/20
for scale: as typed (lr 0.001, untuned) 82.8 %; scikit-learn: extra trees 87.9 %, boosting 73.4 %

verdict    Use dropout: better than the same network without it by 2.6 points of accuracy (0.1 to 5.0 with all 8 arms
           accounted for), at 1.4 times the training time. Not told apart from it: sam, mixup and label_smoothing.
how        regularizer=dropout regularizer.dropout.rate=0.23 schedule.optimizer.lr=0.0095
diagnosis  overfitting: without stopping, validation error ends 22 points above training error; early stopping leaves 1
warning    inert: no trial of weight_decay changed a validation figure by 0.5 %; widen what is tried with study.search
note       8 trials lost 0.9 points against the settings as typed: study.trials=16 may raise every arm
surer      the same command with --more 40: about 80 % chance to decide label_smoothing, 1 min 40 s
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_layout_of_a_wide_terminal() -> None:
    assert "\n".join(list_plan(make_plan(), 120)) + "\n" == PLAN
    assert "\n".join(list_verdict(make_plan(), make_verdict(), 120)) + "\n" == VERDICT


@pytest.mark.parametrize("width", [80, 90, 100, 120])
def test_no_line_but_commands_and_paths_is_longer_than_the_terminal(width: int) -> None:
    lines = [*list_plan(make_plan(), width), *list_verdict(make_plan(), make_verdict(), width)]
    assert max(len(line) for line in lines if not line.startswith("how ")) <= width
    table = lines[len(list(list_plan(make_plan(), width))) :][:10]
    assert [line.split()[0] for line in table][:3] == ["arm", "dropout", "sam"]
    assert all(
        "x train" in table[0] and figure in line for line, figure in zip(table[1:3], ("1.4", "2.4"), strict=True)
    )


def test_a_narrow_table_lacks_bars_and_says_below_what_its_marks_said() -> None:
    lines = list(list_verdict(make_plan(), make_verdict(), 80))
    assert "█" not in "".join(lines)
    assert lines[1] == "dropout            84.4 %  +2.6  [+0.9, +4.3]  better               1.4  17/20"
    assert [line for line in lines if line.startswith("warning    inert: no trial of weight_decay ")]


def test_commands_and_paths_are_never_broken() -> None:
    verdict = make_verdict() | {"how": "regularizer.l2.strength=0.1 " * 9, "final": ["dataset.path=a b.csv"] * 9}
    lines = list(list_verdict(make_plan(), verdict, 80))
    (how,) = (line for line in lines if line.startswith("how "))
    assert how.count("strength") == 9
    (model,) = (line for line in lines if line.startswith("model "))
    assert model.count("'dataset.path=a b.csv'") == 9
    page, rest = list_files(None, Path("a" * 90) / "report.html", 80)
    assert page == f"page       {'a' * 90}/report.html"
    assert rest == "           verdict.json, trials.csv, fresh.csv beside it"


def test_the_page_or_else_the_folder_is_named() -> None:
    folder = Path("runs/s")
    assert list(list_files(folder, folder / "report.html", 80)) == [
        "page       runs/s/report.html   (verdict.json, trials.csv, fresh.csv beside it)"
    ]
    assert list(list_files(folder, None, 80)) == ["files      runs/s   (verdict.json, trials.csv, fresh.csv)"]
    assert list(list_files(None, None, 80)) == []


def test_a_number_stays_with_its_unit() -> None:
    text = "about 80 % chance to decide it in 1 min 40 s"
    for width in range(31, 60):
        for line in say("surer", text, width):
            assert not line.endswith(("80", "1", "40"))
            assert "\N{NO-BREAK SPACE}" not in line


def test_at_most_twelve_arms_are_shown() -> None:
    verdict = make_verdict()
    rest = [make_arm(f"arm{place}", 0.8, (-0.02, -0.03, -0.01), "worse") for place in range(13)]
    lines = list(list_verdict(make_plan(), verdict | {"arms": [*verdict["arms"], *rest]}, 120))
    assert lines[13].split()[0] == "arm3"
    assert lines[14] == "and 9 more, none better"
    better = [make_arm("arm", 0.8, (0.02, 0.01, 0.03), "better")]
    lines = list(list_verdict(make_plan(), verdict | {"arms": [*verdict["arms"], *rest, *better]}, 120))
    assert lines[14] == "and 10 more, 1 better"


def test_a_figure_of_which_less_is_better() -> None:
    """An arm above the baseline in the table is the one with the lower figure."""
    arms = [make_arm("ema", 90.0, (-10.0, -12.0, -8.0), "better"), make_arm("l2", 103.0, (3.0, -1.0, 7.0), "undecided")]
    verdict = make_verdict() | {"metric": "mse", "arms": arms, "as_typed": None}
    verdict["baseline"] = verdict["baseline"] | {"mean": 100.0}
    verdict["references"] = {"linear": {"mean": 95.0}, "boosting": {"mean": 80.0}}
    lines = list(list_verdict(make_plan(), verdict, 120))
    assert lines[0].split()[:5] == ["arm", "mse", "(lower", "is", "better)"]
    assert [line.split()[0] for line in lines[1:4]] == ["ema", "none", "l2"]
    assert "-10.0000  [-12.0000, -8.0000]" in lines[1]
    assert lines[4] == "for scale: scikit-learn: boosting 80.0000, linear 95.0000"


def test_what_would_decide_an_arm_stands_beside_its_word() -> None:
    arms = make_verdict()["arms"][:1]
    needs = {"replicates": None, "rows": None, "seconds": None}
    for found, said in ((needs | {"rows": 2300}, "undecided  about 2,300 rows "), (needs, "undecided  more rows ")):
        lines = list(
            list_verdict(make_plan(), make_verdict() | {"arms": [arms[0] | {"word": "undecided", "needs": found}]}, 120)
        )
        assert said in lines[1]
    same = arms[0] | {"identical": True, "word": "no practical difference"}
    assert "identical results " in list(list_verdict(make_plan(), make_verdict() | {"arms": [same]}, 120))[1]
    no_word = arms[0] | {"word": None}
    assert "    -    " in list(list_verdict(make_plan(), make_verdict() | {"arms": [no_word]}, 120))[1]


def test_an_interrupted_study_says_what_is_complete() -> None:
    lines = list(list_verdict(make_plan(), make_verdict() | {"complete": False, "replicates": 15}, 120))
    assert "incomplete 15 of 20 replicates judged; the study's command goes on with the rest" in lines


def test_an_uneven_data_set_is_said_with_the_figure_that_it_is_judged_by() -> None:
    plan = make_plan()
    plan["metric"] = {"name": "balanced_accuracy", "why": "imbalanced: the largest class holds 80 % of the rows"}
    assert list(list_plan(plan, 120))[1] == (
        "           judged by balanced_accuracy: imbalanced: the largest class holds 80 % of the rows"
    )


def test_a_later_look_is_counted() -> None:
    lines = list(list_verdict(make_plan(), make_verdict() | {"look": 2, "alpha": 0.0125}, 120))
    assert lines[-1] == "look       number 2: it spends alpha 0.0125"


def test_names_from_files_cannot_move_the_cursor() -> None:
    plan, verdict = make_plan(), deepcopy(make_verdict())
    plan["data"]["name"], plan["data"]["notes"] = "a\x1b[2J", ["a\x1b[2J"]
    plan["skipped"] = [{"name": "\x1b[2J", "reason": "\x1b[2J"}]
    verdict["arms"][0]["name"] = "\x1b[2J"
    verdict["how"] = "regularizer=\x1b[2J"
    lines = [*list_plan(plan, 80), *list_verdict(plan, verdict, 80)]
    assert "\x1b" not in "".join(lines)


def test_a_dry_run_lists_the_pilot_and_says_that_nothing_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan() | {"skipped": [{"name": "smote", "reason": "is for classes"}]}
    print_plan(plan, begun=False)
    lines = capsys.readouterr().out.splitlines()
    assert "           skipped: smote: is for classes" in lines
    assert "none         32               3           160    0.028" in lines
    assert lines[-1].startswith("dry run    nothing was trained but this pilot")


def test_quiet_prints_the_sentence_alone(capsys: pytest.CaptureFixture[str]) -> None:
    display = StudyDisplay(quiet=True)
    display.begin(make_plan())
    display.search(3, 8, "l2")
    display.confirm(1, 2)
    display.end(make_plan(), make_verdict(), None)
    assert capsys.readouterr().out == f"{make_verdict()['headline']}\n"


def test_a_log_has_a_line_for_each_stage_and_at_most_ten_before(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    display = StudyDisplay(clock=clock)
    for done in range(0, 1441, 8):
        clock.now += 0.01
        display.search(done, 1440, "mixup")
    display.confirm(0, 200)
    display.confirm(200, 200)
    assert capsys.readouterr().out.splitlines() == [
        "search     [####################] 100 %   1,440 of 1,440 trials   mixup",
        "confirm    [####################] 100 %   200 of 200 fresh runs",
    ]
    for done in range(0, 1441, 8):
        clock.now += 60.0
        display.search(done, 1440, "mixup")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("]")[2].split()[0] for line in lines] == [str(share) for share in range(10, 101, 10)]


def test_finalists_are_a_further_part_of_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    display = StudyDisplay()
    for total in (8, 6, 6):
        display.search(0, total, "l2")
        display.search(total, total, "l2")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("%")[1].split()[0] for line in lines] == ["8", "6", "6"]


def test_a_stage_that_was_complete_before_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    display = StudyDisplay()
    display.search(1440, 1440, "")
    display.search(1440, 1440, "")
    display.confirm(0, 0)
    assert capsys.readouterr().out == "search     [####################] 100 %   1,440 of 1,440 trials\n"


def test_a_terminal_has_a_line_that_changes_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, clock = Terminal(), Clock()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    display = StudyDisplay(clock=clock)
    display.search(0, 1440, "none")
    clock.now = 26.5
    display.search(878, 1440, "mixup")
    drawn = stream.getvalue().split("\r\x1b[K")
    assert drawn[-1] == "search     [############........]  60 %   878 of 1,440 trials   mixup   0:17 left"
    assert "\n" not in stream.getvalue()
    display.close()
    assert stream.getvalue().endswith("left\n")


def test_a_line_that_changes_is_never_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns all of it is there, with a shorter bar; at 40 it is cut."""
    clock = Clock()
    monkeypatch.setenv("TERM", "xterm-256color")
    drawn = {}
    for width in (80, 40):
        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setenv("COLUMNS", str(width))
        display = StudyDisplay(clock=clock)
        display.search(0, 1440, "")
        clock.now += 26.5
        display.search(878, 1440, "label_smoothing")
        drawn[width] = sys.stdout.getvalue().split("\r\x1b[K")[-1]  # type: ignore[attr-defined]
    assert drawn[80] == "search     [####....]  60 %   878 of 1,440 trials   label_smoothing   0:17 left"
    assert drawn[40] == drawn[80][:39]


def test_words_are_coloured_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = list(list_verdict(make_plan(), make_verdict(), 120))
    pipe, terminal = io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        monkeypatch.setattr(sys, "stdout", stream)
        print_lines(lines)
    assert pipe.getvalue() == VERDICT
    assert "\x1b[32mbetter\x1b[0m" in terminal.getvalue()
    assert terminal.getvalue().count("\x1b[32m") == 1
    assert terminal.getvalue().count("\x1b[33mundecided") == 5


def test_a_stream_that_was_closed_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    display = StudyDisplay()
    display.begin(make_plan())
    display.search(1, 2, "l2")
    display.end(make_plan(), make_verdict(), None)


def test_a_very_wide_terminal_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert find_width() == 120
