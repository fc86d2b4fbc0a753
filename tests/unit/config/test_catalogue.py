"""`regbench list` and `regbench show`: complete, true to the classes, and quick where nothing is to be imported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from regbench.cards.card import iterate_settings
from regbench.cli.catalogue import list_command, list_groups, show
from regbench.config.catalogue import Option, aim_of_source, list_options, stages_of_source
from regbench.config.containers import declared
from regbench.config.fields import choice, hyper, integer, nested, text
from regbench.config.paths import config_dir
from regbench.errors import ConfigError

OPTIONS = list_options()
REGULARIZERS = [option for option in OPTIONS if option.group == "regularizer" and option.source()]
CLASSES = [option for option in OPTIONS if option.source()]


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def label(option: Option) -> str:
    return f"{option.group}={option.name}"


def test_every_yaml_below_a_group_is_an_option_and_hydras_own_are_not() -> None:
    typed = {f"{option.group}={option.name}" for option in OPTIONS}
    assert {"dataset=digits", "model=mlp", "regularizer=dropout", "schedule=default", "schedule/stop=none"} <= typed
    files = {path.stem for path in (config_dir() / "dataset").glob("*.yaml")}
    assert {option.name for option in OPTIONS if option.group == "dataset"} == files
    assert not [option for option in OPTIONS if option.group.startswith("hydra") or option.name == "config"]


def test_the_overview_names_every_option_under_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert list_groups(None) == 0
    words = capsys.readouterr().out.replace(",", " ").split()
    assert {option.group for option in OPTIONS} | {option.name for option in OPTIONS} <= set(words)


@pytest.mark.parametrize("group", ["dataset", "model", "regularizer", "schedule/optimizer"])
def test_a_group_is_listed_with_a_summary_for_each_option(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_groups(group) == 0
    margin = 3 if group == "regularizer" else 1  # under a heading, names are indented
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line[:margin].strip()]
    listed = {words[0]: words[1:] for words in lines}
    for option in OPTIONS:
        if option.group == group and option.source():
            assert listed[option.name], f"{option.name} has no summary"


def test_schedule_lists_the_groups_inside_it(capsys: pytest.CaptureFixture[str]) -> None:
    list_groups("schedule")
    out = capsys.readouterr().out
    assert all(word in out for word in ("schedule/optimizer", "schedule/curve", "schedule/stop", "full_batch"))


@pytest.mark.parametrize(("typed", "meant"), [("regularizers", "regularizer"), ("modle", "model"), ("l2", "")])
def test_an_unknown_group_is_refused_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"'{typed}': unknown group; .*{meant}.*allowed: dataset"):
        list_groups(typed)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'dropuot': nothing has this name; did you mean 'dropout'"):
        show("dropuot")


def test_list_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from regbench.cli.catalogue import list_groups; list_groups('regularizer'); list_groups(None); "
        "list_groups('dataset'); sys.exit(sorted({'torch', 'numpy', 'pandas', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("option", REGULARIZERS, ids=label)
def test_stages_read_from_the_file_are_those_of_the_class(option: Option) -> None:
    from regbench.regularizers.registry import load
    from regbench.regularizers.stages import stages_of

    source, cls = option.source(), load(option.name)
    assert source is not None
    assert stages_of_source(source) == stages_of(cls)
    assert aim_of_source(source) == cls.aim
    assert option.load_class() is cls


def headings_of(out: str) -> dict[str, list[str]]:
    """The names under each heading of a list of regularizers."""
    found: dict[str, list[str]] = {}
    for line in out.splitlines():
        if line[:1].strip():
            found[line.strip()] = []
        elif line[2:3].strip():
            found[list(found)[-1]].append(line.split()[0])
    return found


def test_regularizers_are_listed_by_what_they_are_for(capsys: pytest.CaptureFixture[str]) -> None:
    from regbench.regularizers.aims import AIMS
    from regbench.regularizers.registry import load

    assert list_command(["regularizer"]) == 0
    _, *rest = headings_of(capsys.readouterr().out).items()
    found = dict(rest)
    order = [*AIMS.values(), "others"]
    assert list(found) == [heading for heading in order if heading in found]
    for option in REGULARIZERS:
        assert option.name in found[AIMS[load(option.name).aim]]
    assert sum(map(len, found.values())) == sum(option.group == "regularizer" for option in OPTIONS)
    assert "none" in found["others"]


@pytest.mark.parametrize("words", [["regularizer", "--by", "stage"], ["--by", "stage"], ["--by=stage", "regularizer"]])
def test_regularizers_are_listed_under_every_stage_at_which_they_act(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from regbench.regularizers.registry import load
    from regbench.regularizers.stages import STAGES, stages_of

    assert list_command(words) == 0
    found = headings_of(capsys.readouterr().out)
    for option in REGULARIZERS:
        under = [stage for stage in STAGES.values() if option.name in found.get(stage, [])]
        assert tuple(under) == stages_of(load(option.name)), option.name


def test_by_is_for_regularizers_and_is_aim_or_stage() -> None:
    with pytest.raises(ConfigError, match="--by stage is for regularizers: regbench list regularizer --by stage"):
        list_command(["model", "--by", "stage"])
    with pytest.raises(ConfigError, match="choose from 'aim', 'stage'"):
        list_command(["--by", "colour"])


def test_models_and_data_sets_are_the_classes_that_runs_use() -> None:
    from regbench.data.loading import dataset_class
    from regbench.models.registry import MODELS

    for option in CLASSES:
        name = str(option.values().get("name", option.name))
        if option.group == "dataset":
            assert option.load_class() is dataset_class(name)
        if option.group == "model":
            assert option.load_class() is MODELS.load(name)


def test_optimizers_curves_and_rules_are_the_classes_that_runs_use() -> None:
    from regbench.schedules.curves import CURVES
    from regbench.schedules.optimizers import OPTIMIZERS
    from regbench.schedules.stopping import RULES

    for group, kinds in (("optimizer", OPTIMIZERS), ("curve", CURVES), ("stop", RULES)):
        by_name = {option.name: option for option in OPTIONS if option.group == f"schedule/{group}"}
        assert {name: by_name[name].load_class() for name in kinds} == dict(kinds)


@pytest.mark.parametrize("option", CLASSES, ids=label)
def test_a_card_has_the_summary_every_setting_and_its_default(
    option: Option, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(option.name) == 0
    out = capsys.readouterr().out
    assert f"{option.group}={option.name}" in out.splitlines()
    for setting, _, _ in iterate_settings(option.load_class(), option.values()):
        assert any(line.split()[:1] == [setting] for line in out.splitlines()), setting


def test_a_name_in_two_groups_shows_both_cards(capsys: pytest.CaptureFixture[str]) -> None:
    show("polynomial")
    out = capsys.readouterr().out
    assert "dataset=polynomial" in out
    assert "model=polynomial" in out


def test_an_option_without_a_class_shows_its_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    show("full_batch")
    assert "optimizer: sgd_nesterov" in capsys.readouterr().out


def test_dropout_shows_range_default_off_stage_and_reference(capsys: pytest.CaptureFixture[str]) -> None:
    show("dropout")
    out = " ".join(capsys.readouterr().out.split())
    assert "rate 0.5 0 " in out
    assert "in [0, 1)" in out
    assert "stages activations" in out
    assert "Srivastava" in out.partition("reference")[2]


@dataclass(frozen=True, kw_only=True)
class Inner:
    seed: int = integer(3)


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A record with every case: a setting inside a setting, one that the YAML sets, one that must be given."""

    inner: Inner = nested(Inner())
    kind: str = choice("a", "b")
    path: str = text("???")
    strength: float = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0)


def test_the_yaml_goes_before_the_class_also_inside_a_setting() -> None:
    plain = [(name, value) for name, _, value in iterate_settings(Outer, {})]
    assert plain == [("inner.seed", 3), ("kind", "a"), ("path", "???"), ("strength", 1e-4)]
    changed = {name: value for name, _, value in iterate_settings(Outer, {"inner": {"seed": 5}, "kind": "b"})}
    assert changed == {"inner.seed": 5, "kind": "b", "path": "???", "strength": 1e-4}
    assert set(declared(Outer)) == {"inner", "kind", "path", "strength"}


def test_settings_two_levels_down_carry_their_whole_path() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Outermost:
        outer: Outer = nested(Outer(inner=Inner(seed=4), kind="b"))

    found = {name: value for name, _, value in iterate_settings(Outermost, {"outer": {"path": "x"}})}
    assert found == {"outer.inner.seed": 4, "outer.kind": "b", "outer.path": "x", "outer.strength": 1e-4}


def add_plugin(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """Pretend that an installed package adds a regularizer."""
    point = EntryPoint(name="mine", value=target, group="regbench.regularizers")
    monkeypatch.setattr(
        "regbench.config.catalogue.entry_points", lambda group: [point] if group == "regbench.regularizers" else []
    )


def test_an_installed_package_adds_an_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_plugin(monkeypatch, "regbench.regularizers.dropout:Dropout")
    list_groups("regularizer")
    out = capsys.readouterr().out
    assert "from the installed package regbench" in " ".join(out.split())
    assert list(headings_of(out))[-1] == "others"
    assert "mine" in headings_of(out)["others"]
    assert show("mine") == 0
    assert "mine.drop_fraction" in capsys.readouterr().out


def test_a_broken_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    add_plugin(monkeypatch, "no_such_package.module:Thing")
    with pytest.raises(ConfigError, match=r"regularizer=mine: its entry point no_such_package.module:Thing cannot"):
        show("mine")


def test_options_are_read_from_the_given_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# What mine does\n\nepochs: 3\n")
    monkeypatch.setattr("regbench.config.catalogue.config_dir", lambda: tmp_path)
    [mine] = [option for option in list_options() if option.plugin is None]
    assert (mine.group, mine.name, mine.summary(), mine.values()) == (
        "experiment",
        "mine",
        "What mine does",
        {"epochs": 3},
    )
    assert mine.load_class() is None
