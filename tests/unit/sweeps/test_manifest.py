"""Plans of a sweep: what they hold, that they survive a round trip, and that a broken one harms nothing."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.errors import ConfigError
from regbench.sweeps.manifest import PlannedRun, describe, read_planned, register, varying
from tests.unit.sweeps.folders import MODEL, configure


def fail(warning: str) -> None:
    """What is called where nothing must be warned of."""
    raise AssertionError(warning)


def plans(folder: Path) -> list[Path]:
    return sorted((folder / ".sweep").glob("plan-*"))


def test_a_run_is_described_by_its_flat_identity() -> None:
    config = configure({"l2": {"strength": 0.001}, "dropout": {"rate": 0.5, "layers": {}}}, seed=3)
    (run,) = describe([config])
    assert run.run_id == config.run_id()
    assert run.values == {
        "seed": 3,
        "regularizer": "dropout+l2",
        "regularizer.l2.strength": 0.001,
        "regularizer.dropout.rate": 0.5,
        "dataset.name": "digits",
        "dataset.layout": "table",
        "dataset.split.seed": 0,
        "dataset.split.val": 0.2,
        "dataset.train_size": None,
        "model.name": "mlp",
        "model.widths": [64, 64],
        "model.activation": "relu",
        "schedule.optimizer.name": "adam",
        "schedule.optimizer.lr": 0.001,
        "schedule.stop.name": "none",
        "schedule.epochs": 50,
    }
    assert describe([configure()])[0].values["regularizer"] == "none"


def test_a_plan_comes_back_as_it_went_in(tmp_path: Path) -> None:
    runs = describe([configure({"l2": {"strength": s}}, seed) for s in (0.1, 1e-300) for seed in (2, 0, 1)])
    runs += describe([configure({}, 5, model={**MODEL, "widths": [8], "depth": None})])
    register(tmp_path / "new" / "sweep", runs)
    assert read_planned(tmp_path / "new" / "sweep", fail) == runs


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b.c", "seed"]),
            st.none()
            | st.booleans()
            | st.integers(-3, 3)
            | st.floats(allow_nan=False)
            | st.text()
            | st.lists(st.text()),
        ),
        max_size=6,
    )
)
def test_any_settings_come_back(tmp_path_factory: pytest.TempPathFactory, settings: list[dict[str, object]]) -> None:
    folder = tmp_path_factory.mktemp("sweep")
    runs = [PlannedRun(f"run{place}", values) for place, values in enumerate(settings)]
    register(folder, runs)
    assert [(e.run_id, repr(sorted(e.values.items()))) for e in read_planned(folder, fail)] == [
        (e.run_id, repr(sorted(e.values.items()))) for e in runs
    ]


def test_the_same_list_is_written_once_in_whatever_order(tmp_path: Path) -> None:
    runs = describe([configure(seed=seed) for seed in range(3)])
    register(tmp_path, runs)
    (path,) = plans(tmp_path)
    before = path.stat()
    register(tmp_path, runs[::-1])
    assert plans(tmp_path) == [path]
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_second_list_adds_its_runs_behind_those_of_the_first(tmp_path: Path) -> None:
    first, second = (describe([configure(seed=seed) for seed in seeds]) for seeds in ((4, 1), (0, 1, 2)))
    register(tmp_path, first)
    os.utime(plans(tmp_path)[0], ns=(0, 0))
    register(tmp_path, second)
    assert [run.values["seed"] for run in read_planned(tmp_path, fail)] == [4, 1, 0, 2]


def test_a_damaged_plan_is_written_again(tmp_path: Path) -> None:
    runs = describe([configure(seed=seed) for seed in range(3)])
    register(tmp_path, runs)
    plans(tmp_path)[0].write_text('{"schema": 1, "runs"')
    register(tmp_path, runs)
    assert read_planned(tmp_path, fail) == runs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "nonsense",
        "\xff\xfe",
        "[" * 100_000,
        "1" * 5000,
        '{"schema": 2, "common": {}, "runs": {}}',
        '{"schema": 1, "common": {}}',
        '{"schema": 1, "common": {}, "runs": ["a"]}',
        '{"schema": 1, "common": [], "runs": {}}',
        '{"schema": 1, "common": {}, "runs": {"a": 3}}',
        '{"schema": 1, "common": {"x": {"y": 1}}, "runs": {"a": {}}}',
        *(
            json.dumps({"schema": 1, "common": {}, "runs": {name: {}}})
            for name in ("", ".", "..", "../x", "/etc", "a/b")
        ),
        *(json.dumps({"schema": 1, "common": {}, "runs": {name: {}}}) for name in ("a\x00", "a\x1b[31m", "a" * 300)),
    ],
)
def test_a_broken_plan_is_one_warning_and_the_others_count(tmp_path: Path, text: str) -> None:
    runs = describe([configure()])
    register(tmp_path, runs)
    (tmp_path / ".sweep" / "plan-0123456789ab.json").write_text(text, "latin-1")
    lines: list[str] = []
    assert read_planned(tmp_path, lines.append) == runs
    (line,) = lines
    assert "plan-0123456789ab.json is ignored" in line
    assert line.isprintable()


def test_a_plan_that_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    warnings: list[str] = []
    books = tmp_path / ".sweep"
    (books / "plan-0.json").mkdir(parents=True)
    os.mkfifo(books / "plan-1.json")
    (books / "plan-2.json").symlink_to("nowhere")
    assert read_planned(tmp_path, warnings.append) == []
    assert len(warnings) == 2


def test_a_folder_without_plans_has_none(tmp_path: Path) -> None:
    assert read_planned(tmp_path, fail) == []
    assert read_planned(tmp_path / "missing", fail) == []


def test_varying_keys_are_in_the_order_in_which_people_think() -> None:
    runs = [
        configure({"l2": {"strength": 0.1}}, 0),
        configure({"l2": {"strength": 0.2}}, 1),
        configure({}, 0, model={"name": "linear"}, schedule={"epochs": 3}),
    ]
    keys = varying(describe(runs))
    assert keys[:3] == ["regularizer", "regularizer.l2.strength", "model.name"]
    assert keys[-1] == "seed"
    assert "schedule.epochs" in keys
    assert not any(key.startswith("dataset") for key in keys)


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": 1}, {"a": True}, True),
        ({"a": None}, {}, True),
        ({"a": "1"}, {"a": 1}, True),
        ({"a": [1, 2]}, {"a": [1, 2]}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, True),
    ],
)
def test_what_counts_as_a_difference(first: dict[str, object], second: dict[str, object], differ: bool) -> None:
    assert varying([PlannedRun("x", first), PlannedRun("y", second)]) == (["a"] if differ else [])
    assert varying([PlannedRun("x", first)]) == []


def test_sweeps_that_start_together_do_not_clash(tmp_path: Path) -> None:
    runs = describe([configure(seed=seed) for seed in range(50)])
    failures: list[BaseException] = []

    def start() -> None:
        try:
            register(tmp_path, runs)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert read_planned(tmp_path, fail) == runs
    assert sorted(path.name for path in (tmp_path / ".sweep").iterdir()) == ["lock", plans(tmp_path)[0].name]


def test_a_place_that_cannot_hold_a_sweep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used as a sweep's folder"):
        register(tmp_path / "file" / "sweep", describe([configure()]))
