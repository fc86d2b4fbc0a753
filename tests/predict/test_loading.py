"""`regbench.load_model`: what it returns, and which folders it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import regbench
from regbench.cli.main import main
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.trained_model import PredictionWarning
from regbench.store.sealed_json import read_sealed, seal
from tests.predict.trained import Trained, train, write_table


@pytest.fixture
def copy(people: Trained, tmp_path: Path) -> Path:
    """A copy of a run's folder, to be spoilt."""
    return Path(shutil.copytree(people.folder, tmp_path / "run"))


@pytest.fixture
def frame(tmp_path: Path) -> pd.DataFrame:
    """The rows that the runs were trained on."""
    return write_table(tmp_path / "table.csv")


def refusal(folder: Path) -> str:
    with pytest.raises(RegbenchError) as refused:
        regbench.load_model(folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_importing_regbench_imports_no_torch() -> None:
    code = "import sys, regbench; regbench.__version__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestModule:
    def test_its_tensors_are_those_of_the_checkpoint(self, prices: Trained) -> None:
        saved = load_file(prices.folder / "checkpoint" / "best.safetensors")
        model = regbench.load_model(prices.folder)
        state = model.state_dict()
        assert state.keys() == saved.keys()
        assert all(torch.equal(state[name], tensor) for name, tensor in saved.items())
        assert state["hidden0.weight"].shape[0] == 5  # the members of the ensemble
        assert {"norm0.running_mean", "norm0.running_var"} <= dict(model.named_buffers()).keys()
        assert "norm0.scale" in dict(model.named_parameters())

    def test_it_says_what_it_takes_and_returns(self, people: Trained, prices: Trained, digits: Trained) -> None:
        model = regbench.load_model(people.folder)
        assert (model.task, model.classes) == ("classification", ("poor", "rich"))
        assert model.features == ("age", "constant", "income", "member", "town", "code", "since", "colour")
        assert (regbench.load_model(prices.folder).task, regbench.load_model(prices.folder).classes) == (
            "regression",
            (),
        )
        assert regbench.load_model(digits.folder).features == ()
        assert not model.training

    def test_changed_weights_count(self, people: Trained, frame: pd.DataFrame) -> None:
        model = regbench.load_model(people.folder)
        for parameter in model.parameters():
            parameter.zero_()
        assert torch.equal(model(frame), torch.full((len(frame), 2), 0.5))

    def test_it_can_be_trained_on(self, people: Trained, frame: pd.DataFrame) -> None:
        model = regbench.load_model(people.folder).requires_grad_(True)
        model(frame)[:, 0].mean().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_predict_is_a_table_of_what_a_call_returns(
        self, people: Trained, prices: Trained, frame: pd.DataFrame
    ) -> None:
        model = regbench.load_model(people.folder)
        table, probabilities = model.predict(frame), model(frame)
        assert list(table) == ["class", "probability_poor", "probability_rich"]
        assert np.array_equal(table.iloc[:, 1:].to_numpy(), probabilities.numpy())
        assert list(table["class"]) == [model.classes[place] for place in probabilities.argmax(1)]
        numbers = regbench.load_model(prices.folder)
        assert numbers.predict(frame)["prediction"].tolist() == numbers(frame).tolist()
        assert numbers(frame).dtype == torch.float64

    def test_a_table_of_numbers_takes_arrays_and_frames(self, tmp_path: Path) -> None:
        from sklearn.datasets import load_wine

        model = regbench.load_model(train(tmp_path, "dataset=wine").folder)
        wine = load_wine(as_frame=True)
        expected = model(wine.data.to_numpy())
        assert torch.equal(model(wine.data), expected)
        assert torch.equal(model(torch.tensor(wine.data.to_numpy())), expected)
        wine.data.iloc[3, 0] = np.nan
        with pytest.raises(ConfigError, match=r"rows: column 'alcohol', row 4: the value is missing"):
            model(wine.data)

    @pytest.mark.parametrize(
        ("run", "rows"), [("people", np.zeros((2, 8))), ("digits", pd.DataFrame()), ("people", [1])]
    )
    def test_other_things_than_rows_are_refused(self, run: str, rows: object, request: pytest.FixtureRequest) -> None:
        model = regbench.load_model(request.getfixturevalue(run).folder)
        with pytest.raises(ConfigError, match=rf"rows: a {type(rows).__name__}; the model takes a"):
            model(rows)

    def test_values_beyond_float32_are_refused(self, people: Trained, frame: pd.DataFrame) -> None:
        frame.loc[5, "income"] = 1e300
        with pytest.raises(ConfigError, match=r"rows, row 6, column 'income': .* is too large"):
            regbench.load_model(people.folder)(frame)

    def test_an_unseen_level_is_zero_everywhere_and_told(self, people: Trained, frame: pd.DataFrame) -> None:
        model = regbench.load_model(people.folder)
        frame = frame.head(3).copy()
        frame.loc[1, "town"] = "Ulm"
        with pytest.warns(PredictionWarning, match=r"rows: column 'town': 1 row\(s\) hold .*'Ulm'"):
            predicted = model(frame)
        # The same row of Bonn, once what this level adds to the first layer is taken out of its bias.
        place = model.preprocessing.features.index("town=Bonn")
        added = model.get_parameter("hidden0.weight")[:, place] / model.preprocessing.deviation[place]
        model.get_parameter("hidden0.bias").sub_(added)
        frame.loc[1, "town"] = "Bonn"
        assert torch.allclose(model(frame)[1], predicted[1], atol=1e-6)


class TestFolders:
    def test_of_a_run_elsewhere(self, copy: Path, people: Trained, frame: pd.DataFrame) -> None:
        assert torch.equal(regbench.load_model(copy)(frame), regbench.load_model(str(people.folder))(frame))

    @pytest.mark.parametrize("name", ["metrics.csv", "run.json", "run.log", "curves.svg", "timing.csv"])
    def test_needs_only_what_it_reads(self, copy: Path, name: str) -> None:
        (copy / name).unlink()
        assert regbench.load_model(copy).classes == ("poor", "rich")

    def test_that_are_not_a_runs_are_refused(self, people: Trained, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert refusal(tmp_path / "none") == f"{tmp_path / 'none'} does not exist; name the folder of a run"
        assert refusal(tmp_path / "file") == f"{tmp_path / 'file'} is a file; name the folder of a run"
        assert refusal(tmp_path) == f"{tmp_path} is not the folder of a run; name one, runs/NAME/RUN"
        above = refusal(people.folder.parent)
        assert above.endswith(f"is the folder of several runs; name one, such as {people.folder}")

    def test_of_runs_that_are_not_complete_are_refused(self, copy: Path) -> None:
        (copy / "result.json").write_text('{"status": "failed", "error": "no"}')
        assert "the run has failed; run.log says why" in refusal(copy)
        (copy / "result.json").unlink()
        assert "the run is not complete; give its command again" in refusal(copy)
        (copy / "result.json").write_text("[]")
        assert "result.json is damaged" in refusal(copy)

    def test_of_an_earlier_version_are_refused(self, copy: Path) -> None:
        (copy / "preprocessing.json").unlink()
        assert "train it again with resume=fresh" in refusal(copy)

    def test_of_a_later_schema_are_refused(self, copy: Path) -> None:
        path = copy / "preprocessing.json"
        path.write_bytes(seal({**read_sealed(path), "schema": 99}))
        assert "has schema version 99, this regbench has 2" in refusal(copy)

    def test_with_a_changed_digit_are_refused(self, copy: Path) -> None:
        path = copy / "preprocessing.json"
        fill = json.loads(path.read_bytes())["preprocessing"]["columns"][0]["fill"]
        path.write_text(path.read_text().replace(f'"fill": {fill}', f'"fill": {fill + 1}'))
        assert "preprocessing.json is damaged" in refusal(copy)

    def test_with_another_configuration_are_refused(self, copy: Path) -> None:
        path = copy / "config.yaml"
        path.write_text(path.read_text().replace("activation: relu", "activation: tanh"))
        assert "config.yaml is not the one that the weights were trained with" in refusal(copy)

    def test_with_damaged_weights_are_refused(self, copy: Path) -> None:
        path = copy / "checkpoint" / "best.safetensors"
        content = bytearray(path.read_bytes())
        content[-9] ^= 1
        path.write_bytes(content)
        assert "best.safetensors is damaged" in refusal(copy)

    def test_of_a_diverged_run_are_read_and_told(self, tmp_path: Path) -> None:
        run = train(tmp_path, "dataset=diabetes", "schedule/optimizer=sgd", "schedule.optimizer.lr=1e6")
        assert run.result["status"] == "diverged"
        with pytest.warns(PredictionWarning, match="the run diverged; these are its weights of epoch 0"):
            regbench.load_model(run.folder)


def test_a_resumed_run_stores_what_an_earlier_version_did_not(
    people: Trained, copy: Path, tmp_path: Path, frame: pd.DataFrame
) -> None:
    work = people.folder.parents[2]
    runs = tmp_path / "runs" / "default"
    runs.mkdir(parents=True)
    folder = Path(shutil.move(copy, runs / people.folder.name))
    for name in ("result.json", "preprocessing.json", "checkpoint/best.safetensors"):
        (folder / name).unlink()
    words = ("dataset=csv", f"dataset.path={work / 'table.csv'}", "dataset.target=kind", "dataset.drop=[price,id]")
    assert main(["run", f"runs={tmp_path / 'runs'}", "-q", "schedule.epochs=4", *words]) == 0
    assert (folder / "preprocessing.json").read_bytes() == (people.folder / "preprocessing.json").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(regbench.load_model(folder)(frame), regbench.load_model(people.folder)(frame))
