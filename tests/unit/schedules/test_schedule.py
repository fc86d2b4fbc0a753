"""From configuration to schedule: shipped YAML, command-line forms, refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from regbench.config.containers import declared
from regbench.errors import ConfigError
from regbench.schedules import Schedule, build_schedule
from regbench.schedules.curves import CURVES, Cosine
from regbench.schedules.optimizers import OPTIMIZERS, SGD, Adam
from regbench.schedules.stopping import RULES, LargestChange, Metric, Never

CONFIGS = Path(__file__).parents[3] / "configs"
KINDS: dict[str, dict[str, Any]] = {"optimizer": OPTIMIZERS, "curve": CURVES, "stop": RULES}


def compose_schedule(*overrides: str) -> dict[str, Any]:
    """Compose the schedule group alone, as the command line would."""
    options = list(overrides)
    if not any(option.startswith("schedule=") for option in options):
        options.insert(0, "schedule=default")
    options = [f"+{option}" if option.startswith("schedule=") else option for option in options]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = OmegaConf.to_container(compose(overrides=options), resolve=True)
    assert isinstance(config, dict)
    return dict(config["schedule"])


def test_shipped_default_is_the_default_of_the_record() -> None:
    assert build_schedule(compose_schedule()) == build_schedule({}) == Schedule()


@pytest.mark.parametrize("group", KINDS)
def test_every_kind_ships_one_file_with_its_own_defaults(group: str) -> None:
    for name, kind in KINDS[group].items():
        values = compose_schedule(f"schedule/{group}={name}")[group]
        assert values.pop("name") == name
        # Which figure the rule `metric` watches, the setting `metric` says; the record alone watches the loss.
        own = {**values, "monitor": "val_loss"} if name == "metric" else values
        assert getattr(build_schedule({group: {"name": name, **own}}), group) == kind()
        assert set(values) == set(declared(kind))  # nothing hidden, so that an override needs no plus sign


def test_every_shipped_option_composes_and_builds() -> None:
    for group in KINDS:
        for file in sorted((CONFIGS / "schedule" / group).glob("*.yaml")):
            built = build_schedule(compose_schedule(f"schedule/{group}={file.stem}"))
            assert type(getattr(built, group)) in KINDS[group].values()
    for file in sorted((CONFIGS / "schedule").glob("*.yaml")):
        build_schedule(compose_schedule(f"schedule={file.stem}"))


def test_command_line_forms() -> None:
    schedule = build_schedule(
        compose_schedule(
            "schedule/optimizer=sgd",
            "schedule.optimizer.lr=0.01",
            "schedule/curve=cosine",
            "schedule.curve.warmup=5",
            "schedule/stop=none",
            "schedule.batch_size=full",
            "schedule.precision=bfloat16",
            "schedule.epochs=7",
        )
    )
    assert schedule.optimizer == SGD(lr=0.01)
    assert schedule.curve == Cosine(warmup=5.0)
    assert schedule.stop == Never()
    assert (schedule.epochs, schedule.batch_size, schedule.precision) == (7, "full", "bfloat16")


def test_full_batch_schedule_and_another_optimizer_on_it() -> None:
    schedule = build_schedule(compose_schedule("schedule=full_batch"))
    assert (schedule.batch_size, schedule.precision, schedule.stop) == ("full", "float64", Never())
    assert schedule.optimizer == SGD(momentum=0.9, nesterov=True)
    assert build_schedule(compose_schedule("schedule=full_batch", "schedule/optimizer=adam")).optimizer == Adam()


def test_stopping_forms() -> None:
    by_accuracy = compose_schedule("schedule/stop=val_accuracy", "schedule.stop.patience=4")
    assert build_schedule(by_accuracy).stop == Metric(monitor="val_accuracy", patience=4)
    by_mse = compose_schedule("schedule/stop=metric", "schedule.stop.monitor=val_mse")
    assert build_schedule(by_mse).stop == Metric(monitor="val_mse")
    by_weights = compose_schedule("schedule/stop=largest_change", "schedule.stop.reduce_lr=2", "schedule.stop.lag=3")
    assert build_schedule(by_weights).stop == LargestChange(reduce_lr=2, lag=3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, r"schedule\.epoch: unknown key; did you mean 'epochs'\?"),
        ({"epochs": 0}, r"schedule\.epochs=0 is not allowed; it takes a whole number in \[1, inf\)"),
        ({"epochs": 1.5}, r"schedule\.epochs=1\.5 is not allowed"),
        ({"precision": "float16"}, r"it takes one of float32, float64, bfloat16"),
        ({"batch_size": 0}, r"schedule\.batch_size=0 is not allowed; .* or full for the whole training set"),
        ({"batch_size": True}, r"schedule\.batch_size=True is not allowed"),
        ({"batch_size": None}, r"schedule\.batch_size=None is not allowed"),
        ({"batch_size": "all"}, r"schedule\.batch_size='all' is not allowed"),
        ({"optimizer": {"name": "adamm"}}, r"optimizer\.name='adamm' is unknown; did you mean 'adam' or 'adamw'\?"),
        ({"optimizer": {"name": ["adam"]}}, r"optimizer\.name=\['adam'\] is unknown; "),
        ({"optimizer": "sgd"}, r"schedule\.optimizer='sgd' is not allowed; it takes a mapping with a name"),
        ({"optimizer": {"lr": 0.1}}, r"schedule\.optimizer=.* it takes a mapping with a name: sgd, adam, adamw"),
        (
            {"optimizer": {"name": "adam", "lr": 0}},
            r"schedule\.optimizer\.lr=0 is not allowed; it takes a number in \(0",
        ),
        ({"optimizer": {"name": "adam", "lr": float("nan")}}, r"schedule\.optimizer\.lr=nan is not allowed"),
        ({"optimizer": {"name": "adam", "beta2": 1.0}}, r"schedule\.optimizer\.beta2=1\.0 is not allowed"),
        ({"optimizer": {"name": "adam", "nesterov": True}}, r"schedule\.optimizer\.nesterov: unknown key"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, r"nesterov=true needs schedule\.optimizer\.momentum"),
        ({"stop": {"name": "metric", "patience": 0}}, r"stop\.patience=0 is not allowed; .* in \[1, inf\)"),
        ({"stop": {"name": "metric", "monitor": "loss"}}, r"it takes one of val_loss, val_accuracy, "),
        ({"stop": {"name": "metric", "reduce_factor": 1}}, r"stop\.reduce_factor=1 is not allowed; .* in \(0, 1\)"),
        ({"stop": {"name": "weight_change", "epsilon": 0}}, r"stop\.epsilon=0 is not allowed"),
        ({"stop": {"name": "none", "patience": 3}}, r"schedule\.stop\.patience: unknown key; allowed: none"),
        ({"curve": {"name": "step", "milestones": [5, 0]}}, r"curve\.milestones\[1\]=0 is not allowed"),
        (
            {"epochs": 5, "curve": {"name": "cosine", "warmup": 5}},
            r"schedule\.curve\.warmup=5 is not allowed; it must be less than schedule\.epochs=5",
        ),
    ],
)
def test_mistakes_are_refused_in_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build_schedule(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        # The records of optimizers hold their steps, so they load torch; what tables and models need stays out.
        ("import regbench.schedules", {"pandas", "sklearn", "scipy"}),
        (
            "from regbench.cli.main import main; main(['run', '--cfg', 'job', 'schedule/optimizer=sgd'])",
            {"torch", "numpy", "pandas", "sklearn", "scipy"},
        ),
    ],
    ids=["records", "printed"],
)
def test_a_schedule_loads_no_more_than_it_needs(code: str, unwanted: set[str]) -> None:
    shown = f"import sys\n{code}\nprint('loaded:', *({unwanted} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "loaded:"
