"""A run's folder from outside: what each call leaves there and what it refuses."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.errors import ConfigError
from regbench.store import CheckpointError, RunFolder, StorageError, read_checkpoint
from regbench.store.run_files import RESULT_SCHEMA, RUN_SCHEMA, format_json

HEADER = ("epoch", "loss")
WEIGHTS = {"w": torch.ones(2)}


def test_the_files_of_a_run_are_those_of_the_design(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path / "runs" / "default" / "run") as folder:
        folder.write_config("seed: 0\n")
        folder.write_run({"torch": "2"})
        assert folder.resume("abc", HEADER) is None
        for epoch in (1, 2):
            folder.append({"epoch": epoch, "loss": 0.5}, {"epoch": epoch, "seconds": 1.0})
            folder.commit(WEIGHTS, {"epoch": epoch})
        folder.log("a line")
        folder.finish({"status": "complete"}, WEIGHTS)
    assert sorted(str(f.relative_to(folder.path)) for f in folder.path.rglob("*") if f.is_file()) == [
        ".lock",
        "checkpoint/best.safetensors",
        "config.yaml",
        "metrics.csv",
        "result.json",
        "run.json",
        "run.log",
        "timing.csv",
    ]
    assert (folder.path / "metrics.csv").read_text() == "epoch,loss\n1,0.5\n2,0.5\n"
    assert (folder.path / "timing.csv").read_text() == "epoch,seconds\n1,1.0\n2,1.0\n"
    assert (folder.path / "config.yaml").read_text() == "seed: 0\n"
    assert (folder.path / "run.log").read_text().endswith(" a line\n")


@pytest.mark.parametrize("ends", [False, True])
def test_what_a_run_begins_with_is_durable_before_what_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    synced: list[str] = []
    shown: dict[str, list[str]] = {}
    sync, replace = os.fsync, os.replace

    def watch_sync(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        sync(descriptor)

    def watch_replace(source: Path, target: Path) -> None:
        shown[target.name] = list(synced)
        replace(source, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("the names of open files are read from /proc")
    with RunFolder.claim(tmp_path / "sweep" / "run") as folder, monkeypatch.context() as patch:
        patch.setattr(os, "fsync", watch_sync)
        patch.setattr(os, "replace", watch_replace)
        folder.write_config("seed: 0\n")
        folder.write_run({"torch": "2"})
        folder.resume("abc", HEADER)
        folder.append({"epoch": 1}, {"epoch": 1})
        assert synced == [], "nothing is worth a wait before the first commit"
        if ends:
            folder.finish({"status": "complete"}, WEIGHTS)
        else:
            folder.commit(WEIGHTS, {"epoch": 1})
    needed = {"config.yaml", "run.json", "metrics.csv", "sweep"}
    if ends:
        assert {*needed, ".best.safetensors.tmp", "checkpoint", ".result.json.tmp"} <= set(shown["result.json"])
        assert synced[-1] == "run", "the mark's own name"
    else:
        assert {*needed, "run", ".last.safetensors.tmp"} <= set(shown["last.safetensors"])
        assert synced[-1] == "checkpoint"


def test_the_last_two_commits_are_kept_and_the_newest_comes_back(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder:
        folder.resume("abc", HEADER)
        for epoch in (1, 2, 3):
            folder.append({"epoch": epoch}, {"epoch": epoch})
            folder.commit({"w": torch.full((2,), float(epoch))}, {"epoch": epoch, "best": math.nan})
    epochs = [read_checkpoint(tmp_path / f"checkpoint/{name}.safetensors").facts["epoch"] for name in ("prev", "last")]
    assert epochs == [2, 3]
    with RunFolder.claim(tmp_path) as folder:
        commit = folder.resume("abc", HEADER)
        assert commit is not None
        assert torch.equal(commit.tensors["w"], torch.tensor([3.0, 3.0]))
        assert math.isnan(commit.facts["best"])


@pytest.mark.parametrize("status", ["complete", "stopped_early", "diverged"])
def test_a_run_that_has_ended_has_a_result(tmp_path: Path, status: str) -> None:
    with RunFolder.claim(tmp_path) as folder:
        assert folder.result() is None
        folder.resume("abc", HEADER)
        folder.finish({"status": status, "loss": math.nan}, WEIGHTS)
        assert folder.result() == {"schema": RESULT_SCHEMA, "status": status, "loss": None}


def test_only_states_of_ended_runs_finish(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder:
        folder.resume("abc", HEADER)
        with pytest.raises(ValueError, match="status is 'failed'"):
            folder.finish({"status": "failed"}, WEIGHTS)
        assert folder.result() is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "null", '{"status": "running"}', "{}", "\x80", "[" * 100_000, '{"status": ["failed"]}']
)
def test_a_broken_result_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_bytes(text.encode("latin-1"))
    with RunFolder.claim(tmp_path) as folder:
        with pytest.raises(StorageError, match=r"result\.json .*resume=fresh"):
            folder.result()
        folder.discard()
        assert folder.result() is None


def test_a_result_of_schema_1_is_read_in_the_words_of_today(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"status": "finished", "epochs": 3}')
    with RunFolder.claim(tmp_path) as folder:
        assert folder.result() == {"schema": RESULT_SCHEMA, "status": "complete", "epochs": 3}
    assert (tmp_path / "result.json").read_text() == '{"status": "finished", "epochs": 3}', "reading changes nothing"


@pytest.mark.parametrize("schema", [RESULT_SCHEMA + 1, 0, -1, "2", 2.0, True, None])
def test_a_result_of_a_later_schema_is_refused_by_name(tmp_path: Path, schema: object) -> None:
    (tmp_path / "result.json").write_text(json.dumps({"schema": schema, "status": "complete"}))
    with RunFolder.claim(tmp_path) as folder, pytest.raises(StorageError) as refused:
        folder.result()
    assert f"result.json has schema {schema!r}, this regbench has {RESULT_SCHEMA}" in str(refused.value)


def test_the_record_of_a_run_comes_back_and_a_later_one_is_refused(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder:
        assert folder.recorded_run() is None
        folder.write_run({"schema": RUN_SCHEMA, "host": "here"})
        assert folder.recorded_run() == {"schema": RUN_SCHEMA, "host": "here"}
        folder.write_run({"schema": RUN_SCHEMA + 1})
        with pytest.raises(CheckpointError, match=r"run\.json has schema 3, this regbench has 2"):
            folder.recorded_run()


def test_the_newest_commit_can_be_looked_at_before_anything_changes(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder:
        assert folder.newest_commit() is None
        folder.resume("abc", HEADER)
        folder.append({"epoch": 1}, {"epoch": 1})
        folder.commit(WEIGHTS, {"epoch": 1})
        folder.append({"epoch": 2}, {"epoch": 2})
    before = (tmp_path / "metrics.csv").read_bytes()
    with RunFolder.claim(tmp_path) as folder:
        looked_at = folder.newest_commit()
        assert looked_at is not None
        assert (tmp_path / "metrics.csv").read_bytes() == before
        assert folder.resume("abc", HEADER) is looked_at, "it is read once"
        assert (tmp_path / "metrics.csv").read_text() == "epoch,loss\n1,\n"


def test_a_failure_is_recorded_with_its_traceback(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder:
        try:
            raise ZeroDivisionError("a reason\nand more")
        except ZeroDivisionError as error:
            folder.fail(error)
        assert folder.result() is None
    assert json.loads((tmp_path / "result.json").read_text()) == {
        "schema": RESULT_SCHEMA,
        "status": "failed",
        "error": "ZeroDivisionError: a reason",
    }
    log = (tmp_path / "run.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert Path(__file__).name in log


def test_a_refusal_is_recorded_as_it_reads(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder:
        folder.fail(ConfigError("model=cnn does not fit a table"))
    assert json.loads((tmp_path / "result.json").read_text())["error"] == "model=cnn does not fit a table"


def test_a_failure_after_the_end_does_not_take_the_result_away(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder:
        folder.resume("abc", HEADER)
        folder.finish({"status": "complete"}, WEIGHTS)
        folder.fail(ValueError("the picture could not be drawn"))
        assert folder.result() == {"schema": RESULT_SCHEMA, "status": "complete"}
    assert "the picture could not be drawn" in (tmp_path / "run.log").read_text()


def test_a_failure_that_cannot_be_stored_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with RunFolder.claim(tmp_path) as folder:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            folder.fail(ValueError("x"))
        assert folder.result() is None


def test_starting_over_removes_only_what_the_run_wrote(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with RunFolder.claim(tmp_path) as folder:
        folder.write_config("seed: 0\n")
        folder.resume("abc", HEADER)
        folder.commit(WEIGHTS, {})
        folder.commit(WEIGHTS, {})
        folder.finish({"status": "complete"}, WEIGHTS)
        folder.discard()
    files = sorted(f.name for f in tmp_path.rglob("*") if f.is_file())
    assert files == [".lock", "config.yaml", "notes.txt"]


def test_leftovers_of_a_killed_write_are_removed_and_nothing_else_hidden(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    for name in (".result.json.tmp", "checkpoint/.last.safetensors.tmp", ".hidden", "visible.tmp"):
        (tmp_path / name).write_text("")
    with RunFolder.claim(tmp_path):
        pass
    assert sorted(f.name for f in tmp_path.rglob("*") if f.is_file()) == [".hidden", ".lock", "visible.tmp"]


def test_facts_cannot_replace_the_folders_own(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder:
        folder.resume("abc", HEADER)
        with pytest.raises(ValueError, match="config_hash, schema"):
            folder.commit(WEIGHTS, {"schema": 7, "config_hash": "x", "epoch": 1})


def test_rows_before_resume_are_a_mistake(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path) as folder, pytest.raises(RuntimeError, match="resume"):
        folder.append({}, {})


def test_a_closed_folder_can_be_claimed_again(tmp_path: Path) -> None:
    for _ in range(3):
        with RunFolder.claim(tmp_path):
            assert (tmp_path / ".lock").read_text() == f"{os.getpid()} {os.uname().nodename}\n"
        assert (tmp_path / ".lock").read_text() == ""


def test_a_complete_run_is_answered_without_torch(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"schema": 2, "status": "complete"}')
    code = (
        "import sys; from pathlib import Path; from regbench.store import RunFolder\n"
        f"with RunFolder.claim(Path({str(tmp_path)!r})) as folder: assert folder.result()['status'] == 'complete'\n"
        "print(sorted({'torch', 'numpy', 'safetensors', 'pandas'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_json_reads_back_equal(facts: dict[str, object]) -> None:
    assert json.loads(format_json(facts)) == facts


def test_json_has_sorted_keys_and_null_for_what_json_lacks() -> None:
    text = format_json({"b": [math.nan, math.inf, (1.5,)], "a": {"y": -math.inf, "x": 1}}).decode()
    assert "".join(text.split()) == '{"a":{"x":1,"y":null},"b":[null,null,[1.5]]}'
    assert text.startswith('{\n "a"')
    assert text.endswith("}\n")
