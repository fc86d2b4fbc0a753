"""Sweeps belong to their data: what changed since refuses them before anything starts, and no table averages it.

Oracle: the folder as it was before, and the mean of the figures in each run's own `result.json`.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from regbench.cli.main import main
from regbench.runs import lifecycle, reuse
from regbench.sweeps.result import SweepResult
from tests.faults.children import before_call, commit_every_epoch, contents
from tests.faults.test_changed_data import table, write_csv
from tests.sweep.commands import HERE, Ended, fork, read_table, results, sweep, wait
from tests.unit.sweeps.folders import read_statuses

ROWS = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y")
SHORT = (*ROWS, "schedule.epochs=3", "schedule.batch_size=full", "model.widths=[4]", "threads=1")
QUIET = (*SHORT, "quiet=true")


def refused(work: Path, *words: str) -> str:
    """Sweep what must be refused in one line, before anything is written, and return the line."""
    before = contents(work / "runs")
    for extra in ((), ("--dry-run",)):
        ended = sweep(work, *words, *extra)
        assert (ended.code, ended.out) == (2, ""), ended.err
        assert contents(work / "runs") == before
        assert "resume=fresh" in ended.line
        assert "name=OTHER" in ended.line
    return ended.line


def status(work: Path, name: str = "default") -> Ended:
    return wait(fork(work, lambda: main(["status", f"runs/{name}"])))


def trained(work: Path, *words: str) -> None:
    ended = sweep(work, *QUIET, *words)
    assert (ended.code, ended.err) == (0, "")


def leaderboard(ended: Ended) -> str:
    """Return the tables of a summary, without the counts under them."""
    return ended.out.partition("\nbest ")[0]


@pytest.fixture
def rows(work: Path) -> Path:
    """A folder with a table in it."""
    work.mkdir()
    write_csv(work, 0.0)
    return work


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("workers", ["sweep.workers=1", "sweep.workers=2"])
def test_a_larger_sweep_of_changed_rows_is_refused_whole(rows: Path, workers: str) -> None:
    words = ("regularizer=none,l2", workers)
    trained(rows, *words, "seed=0,1")
    write_csv(rows, 1.0)
    expected = (
        "regbench: 4 of 8 runs were trained on other data: rows.csv has changed since; "
        "add resume=fresh to train all 8 again, or name=OTHER to keep them and train others"
    )
    assert refused(rows, *QUIET, *words, "seed=0,1,2,3") == expected
    assert "4 of 4 runs were" in refused(rows, *QUIET, *words, "seed=0,1"), "a finished sweep is too"
    assert len(results(rows)) == 4
    write_csv(rows, 0.0)
    trained(rows, *words, "seed=0,1,2,3")
    assert len(results(rows)) == 8


def test_one_stale_run_is_named(rows: Path) -> None:
    trained(rows, "seed=0")
    (run_id,) = results(rows)
    write_csv(rows, 1.0)
    assert f"runs/default/{run_id} was trained on other data: rows.csv has changed since;" in refused(
        rows, *QUIET, "seed=0,1"
    )


def test_both_remedies_train_on_the_new_rows(rows: Path) -> None:
    trained(rows, "seed=0,1")
    before = contents(rows / "runs/default")
    write_csv(rows, 1.0)
    trained(rows, "seed=0,1,2", "name=other")
    assert contents(rows / "runs/default") == before
    trained(rows, "seed=0,1,2", "resume=fresh")
    trained(rows, "seed=0,1,2")
    for name in ("default", "other"):
        ended = status(rows, name)
        assert (ended.code, ended.err) == (0, "")
        assert "data=" not in ended.out
    new, other = (read_table(rows / "runs" / name / "sweep.csv") for name in ("default", "other"))
    assert [row["val_mse"] for row in new] == [row["val_mse"] for row in other]


def test_an_interrupted_sweep_is_not_resumed_on_other_rows(rows: Path) -> None:
    strike = before_call(lifecycle.FolderSink, "commit", 4, lambda: os._exit(7))
    assert sweep(rows, *QUIET, HERE, "seed=0,1", before=[commit_every_epoch, strike]).code == 7
    write_csv(rows, 1.0)
    assert "2 of 3 runs were trained on other data: rows.csv has" in refused(rows, *QUIET, "seed=0,1,2")
    write_csv(rows, 0.0)
    trained(rows, "seed=0,1,2")


def test_runs_shared_by_two_folders_belong_to_the_file_of_one(rows: Path) -> None:
    trained(rows, "seed=0,1")
    shared = f"runs={rows / 'runs'}"
    for name, shift in (("same", 0.0), ("other", 1.0)):
        (rows / name).mkdir()
        write_csv(rows / name, shift)
    before = contents(rows / "runs")
    ended = sweep(rows / "other", *QUIET, shared, "seed=0,1,2")
    assert ended.code == 2
    assert f"rows.csv was {rows / 'rows.csv'} then" in ended.line
    assert contents(rows / "runs") == before
    again = sweep(rows / "same", *QUIET, shared, "seed=0,1,2")
    assert (again.code, again.err) == (0, "")
    assert status(rows).code == 0


def test_other_bytes_with_the_same_rows_are_the_same_data(rows: Path) -> None:
    trained(rows, "seed=0,1")
    (rows / "rows.csv").write_bytes(gzip.compress((rows / "rows.csv").read_bytes()))
    trained(rows, "seed=0,1,2")
    ended = status(rows)
    assert (ended.code, ended.err) == (0, "")
    assert "3/3" in ended.out


def test_each_file_is_hashed_once_and_the_data_are_read_once(rows: Path) -> None:
    trained(rows, "regularizer=none,l2", "seed=0,1")
    os.utime(rows / "rows.csv")
    calls: list[str] = []

    def count() -> None:
        hashed, read = reuse.hash_file, reuse.load

        def hash_file(path: Path) -> str:
            calls.append("hash")
            return hashed(path)

        def load(dataset: Any) -> Any:
            calls.append("load")
            return read(dataset)

        reuse.hash_file, reuse.load = hash_file, load

    def report() -> int:
        code = main(["run", "-m", *QUIET, "regularizer=none,l2", "seed=0,1"])
        print(*calls)
        return code

    ended = wait(fork(rows, report, count))
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "hash")
    (rows / "rows.csv").write_bytes(gzip.compress((rows / "rows.csv").read_bytes()))
    ended = wait(fork(rows, report, count))
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "load"), "another size is other bytes"


def test_a_finished_sweep_needs_neither_torch_nor_pandas(rows: Path) -> None:
    trained(rows, "regularizer=none,l2", "seed=0,1")
    call = [
        sys.executable,
        "-X",
        "importtime",
        "-m",
        "regbench",
        "run",
        "-m",
        *QUIET,
        "regularizer=none,l2",
        "seed=0,1",
    ]
    done = subprocess.run(call, cwd=rows, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "regbench: 4 complete, 0 failed\n"), done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "regbench.sweeps.origins" in imported
    assert not imported & {"torch", "sklearn", "pandas", "numpy"}, "it would take seconds"


def test_rows_that_change_under_a_sweep_are_told_and_never_averaged(rows: Path) -> None:
    """The first trained on the old rows, the second on the new ones."""

    def change_after_the_first() -> None:
        finish = lifecycle.FolderSink.finish

        def changed(sink: lifecycle.FolderSink, *given: Any) -> Any:
            end = finish(sink, *given)
            if "-s0-" in sink.folder.path.name:
                write_csv(rows, 1.0)
            return end

        lifecycle.FolderSink.finish = changed  # type: ignore[method-assign]

    ended = sweep(rows, *SHORT, HERE, "seed=0,1", "sweep.cohort=1", before=[change_after_the_first])
    assert ended.code == 1, ended.err
    first = next(run_id for run_id in results(rows) if "-s0-" in run_id)
    assert f"{first} was trained on other data: rows.csv has changed since" in ended.err
    assert "neither averaged nor compared" in " ".join(ended.out.split())
    assert leaderboard(ended).count(" 1/1 ") == 2
    assert " 2/2 " not in leaderboard(ended)
    assert [row["data"] for row in read_table(rows / "runs/default/sweep.csv")] == list(checksums(rows).values())


def checksums(work: Path) -> dict[str, str]:
    """Return the first digits of the data's checksum that each run recorded."""
    folders = [work / "runs/default" / run_id for run_id in results(work)]
    return {folder.name: json.loads((folder / "run.json").read_bytes())["data_checksum"][:10] for folder in folders}


def test_a_run_that_another_sweep_ended_on_other_rows_is_refused_by_the_worker(rows: Path) -> None:
    """As if it ended between the look of the command and the claim of its worker."""
    trained(rows, "seed=0", "name=old")
    write_csv(rows, 1.0)

    def end_meanwhile() -> None:
        from regbench.sweeps import execute

        begin = execute._begin

        def put(*given: Any, **named: Any) -> None:
            begin(*given, **named)
            shutil.copytree(rows / "runs/old", rows / "runs/default", dirs_exist_ok=True)

        execute._begin = put

    ended = sweep(rows, *QUIET, HERE, "seed=0,1", before=[end_meanwhile])
    assert ended.code == 1
    assert "1 complete, 1 failed" in ended.err
    (stale,) = (row for row in read_table(rows / "runs/default/sweep.csv") if row["seed"] == "0")
    assert (stale["status"], stale["val_mse"]) == ("failed", "")
    assert "was trained on other data: rows.csv has changed since" in stale["error"]


def test_status_tells_changed_files_and_missing_ones(rows: Path) -> None:
    trained(rows, "seed=0,1,2")
    fine = status(rows)
    assert (fine.code, fine.err) == (0, "")
    write_csv(rows, 1.0)
    changed = status(rows)
    assert changed.code == 1
    assert changed.line == "regbench: warning: the data of 3 runs have changed since: rows.csv"
    assert "3/3" in changed.out
    elsewhere = rows / "elsewhere"
    (elsewhere).mkdir()
    ended = wait(fork(elsewhere, lambda: main(["status", str(rows / "runs/default")])))
    assert (ended.code, ended.err) == (1, changed.err), "the files lie where they lay at training"
    (rows / "rows.csv").unlink()
    gone = status(rows)
    assert (gone.code, gone.line) == (0, "regbench: warning: the data of 3 runs are not there now: rows.csv")


def mix(rows: Path) -> None:
    """Put runs of other rows into a sweep's folder by hand."""
    words = ("regularizer=none,l2",)
    trained(rows, *words, "seed=0,1,2,3", "name=new")
    write_csv(rows, 1.0)
    trained(rows, *words, "seed=0,1,2,3")
    for seed in ("s0", "s1"):
        for folder in (rows / "runs/new").glob(f"*-{seed}-*"):
            shutil.rmtree(rows / "runs/default" / folder.name)
            shutil.copytree(folder, rows / "runs/default" / folder.name)


def test_runs_of_different_rows_in_one_folder_are_never_averaged(rows: Path) -> None:
    mix(rows)
    assert "4 of 8 runs were trained on other data" in refused(rows, *QUIET, "regularizer=none,l2", "seed=0,1,2,3")
    ended = status(rows)
    assert ended.code == 1
    for known in set(checksums(rows).values()):
        assert f"data={known}\n" in ended.out
    assert ended.out.count("2/2") == 4
    assert "4/4" not in ended.out
    assert "neither averaged nor compared" in " ".join(ended.out.split())
    assert sum(line.startswith("best") for line in ended.out.splitlines()) == 2
    rows_of_table = read_table(rows / "runs/default/sweep.csv")
    assert {row["run_id"]: row["data"] for row in rows_of_table} == checksums(rows)
    for seeds in (("s0", "s1"), ("s2", "s3")):
        for name in ("none", "l2"):
            own = [
                result["best"]["val"]["mse"]
                for run_id, result in results(rows).items()
                if f"-{name}-" in run_id and run_id.split("-")[-2] in seeds
            ]
            assert len(own) == 2
            assert f"{sum(own) / 2:.4f} ± " in ended.out


def test_the_result_of_a_sweep_keeps_different_rows_apart(rows: Path) -> None:
    mix(rows)
    from regbench.sweeps.manifest import read_planned

    folder = rows / "runs/default"
    found = SweepResult(folder=folder, statuses=tuple(read_statuses(folder, read_planned(folder, pytest.fail))))
    assert dict(zip(found.frame["run_id"], found.frame["data"], strict=True)) == checksums(rows)
    assert [group.ended for group in found.groups] == [2] * 4
    assert {best.data["data"] for best in found.best} == set(checksums(rows).values())
    assert [best.seeds for best in found.best] == [2, 2]


def test_runs_that_recorded_no_data_are_averaged_with_none_that_did(rows: Path) -> None:
    trained(rows, "seed=0,1,2")
    first = next(folder for folder in (rows / "runs/default").glob("*-s0-*"))
    (first / "run.json").unlink()
    ended = sweep(rows, *SHORT, "seed=0,1,2")
    assert ended.code == 0
    assert "warning: 1 of 3 runs: run.json does not say which data" in ended.err
    assert "data=unknown\n" in ended.out
    assert " 2/2 " in leaderboard(ended)
    assert " 3/3 " not in leaderboard(ended)


def test_a_table_says_which_versions_made_it(rows: Path) -> None:
    trained(rows, "seed=0,1")
    first = next(folder for folder in (rows / "runs/default").glob("*-s0-*"))
    record = json.loads((first / "run.json").read_bytes())
    record["versions"] |= {"regbench": "0.0.1"}
    (first / "run.json").write_text(json.dumps(record))
    ended = sweep(rows, *SHORT, "seed=0,1")
    assert ended.code == 0
    assert "warning: 1 of 2 runs: this run was made by regbench 0.0.1, this is" in ended.err
    now = json.loads(next((rows / "runs/default").glob("*-s1-*/run.json")).read_bytes())["versions"]["regbench"]
    assert f"made with regbench 0.0.1 and {now}\n" in status(rows).out


@pytest.mark.parametrize("name", ["run.json", "result.json"])
def test_a_file_of_a_later_schema_is_refused_by_name(rows: Path, name: str) -> None:
    trained(rows, "seed=0,1")
    first = next(folder for folder in (rows / "runs/default").glob("*-s0-*"))
    (first / name).write_text(json.dumps(json.loads((first / name).read_bytes()) | {"schema": 3}))
    for ended in (status(rows), sweep(rows, *SHORT, "seed=0,1")):
        assert ended.code == 1
        assert f"{name} has schema 3, this regbench has 2; use that one" in " ".join(ended.out.split())
        assert "1/2 complete, 1 failed" in ended.out


def test_more_than_the_rows_of_a_column_is_other_data(rows: Path) -> None:
    trained(rows, "seed=0,1")
    table(0.0).head(100).to_csv(rows / "rows.csv", index=False)
    assert "2 of 2 runs were trained on other data" in refused(rows, *QUIET, "seed=0,1")
