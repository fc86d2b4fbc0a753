"""`metric=` through the command: what tables rank by, what a rule watches, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.sweep.commands import HERE, folders, sweep

RARE = "a,label\n" + "".join(f"{37 * row % 101},{int(row % 50 == 0)}\n" for row in range(500))
RARE_ROWS = ("dataset=csv", "dataset.path=rare.csv", "dataset.target=label", "model.widths=[4]")
SHORT = (*RARE_ROWS, "schedule.epochs=3")
LEARNT = ("schedule.epochs=20", "schedule.optimizer.lr=0.03")
"""Long enough for a network to say `no` to every row."""


@pytest.fixture
def rare(tmp_path: Path) -> Path:
    """A folder with a table of which 2 % of the rows are positive, whatever the feature."""
    (tmp_path / "rare.csv").write_text(RARE)
    return tmp_path


def results(work: Path) -> list[dict[str, dict[str, dict[str, float]]]]:
    return [json.loads((folder / "result.json").read_text()) for folder in folders(work)]


def test_a_sweep_is_ranked_by_the_metric_and_trains_nothing_for_it_anew(rare: Path) -> None:
    words = (*SHORT, "seed=0,1", "schedule.optimizer.lr=1e-4,3e-2", HERE)
    assert sweep(rare, *words).code == 0
    before = {folder.name: (folder / "result.json").stat().st_mtime_ns for folder in folders(rare)}
    ranked = sweep(rare, *words, "metric=log_loss")
    assert ranked.code == 0
    assert "val log_loss" in ranked.out
    assert {folder.name: (folder / "result.json").stat().st_mtime_ns for folder in folders(rare)} == before
    with (rare / "runs/default/sweep.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    by_rate: dict[str, float] = {}
    for row in rows:
        rate = row["schedule.optimizer.lr"]
        by_rate[rate] = by_rate.get(rate, 0.0) + float(row["val_log_loss"]) / 2
    best = min(by_rate, key=by_rate.__getitem__)
    named = next(line for line in ranked.out.splitlines() if line.startswith("best"))
    assert f"schedule.optimizer.lr={float(best):g}" in named


def test_a_rule_that_watches_the_metric_has_its_column(rare: Path) -> None:
    ended = sweep(rare, *SHORT, "metric=auc", "schedule/stop=metric", "seed=0,1", "quiet=true", HERE)
    assert ended.code == 0, ended.err
    for folder in folders(rare):
        header = (folder / "metrics.csv").read_text().splitlines()[0].split(",")
        assert {"train_auc", "val_auc", "val_accuracy"} <= set(header)
        assert "monitor: val_auc" in (folder / "config.yaml").read_text()


def test_the_answer_that_is_always_the_same_is_pointed_out(rare: Path) -> None:
    from regbench.cli.main import main
    from tests.faults.children import fork
    from tests.sweep.commands import wait

    ended = wait(fork(rare, lambda: main(["run", *RARE_ROWS, *LEARNT])))
    assert "always answering '0' gives (0.9800)" in ended.out
    (result,) = results(rare)
    assert result["best"]["test"]["balanced_accuracy"] == 0.5
    assert result["confusion"]["test"] == [[98, 0], [2, 0]]
    assert result["recall"]["test"] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("metric=acuracy",), "metric='acuracy' is not allowed"),
        (("metric=mse",), "metric=mse is not measured on a classification"),
        (("schedule/stop=metric", "schedule.stop.monitor=val_r2"), "schedule.stop.monitor=val_r2 is not measured here"),
        (("metric=auc,brier",), "metric cannot be swept"),
    ],
)
def test_a_metric_that_does_not_fit_is_one_line(rare: Path, words: tuple[str, ...], said: str) -> None:
    ended = sweep(rare, *SHORT, "seed=0,1", *words, HERE)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert said in line
