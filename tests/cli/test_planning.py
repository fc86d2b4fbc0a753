"""Planning by copying is composing: every run, and every refusal, is what Hydra makes of that run alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regbench.compose.guard import check_overrides
from regbench.compose.loader import CheckedLoader, explained, hydra_1_3, search_path
from regbench.compose.sweep_runs import compose_product, compose_sweep, read_master, split_parts
from regbench.config.run_config import RunConfig, parse
from regbench.errors import ConfigError
from regbench.runs.prepare import build_all
from tests.cli.session import Session, write

Answer = list[str] | str
STRENGTHS = "regularizer.l2.strength=1e-4,1e-3"
MINE = """
mine:
  name: mine
  text: x
  other: 1
  deep: {more: {x: 1, list: [1, 2]}}
  open: {}
  whole: {0: 1}
  nothing: null
"""


@dataclass
class Counting(CheckedLoader):
    """The loader, counting how often it composes."""

    path: Any
    composed: list[RunMode] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.path, warn=lambda line: None)

    def load_configuration(self, *args: Any, **kwargs: Any) -> Any:
        self.composed.append(args[2])
        return super().load_configuration(*args, **kwargs)


@dataclass
class Typed:
    """Settings with types, as a plugin may register them: texts become numbers, other texts are refused."""

    name: str = "typed"
    width: int = 1
    free: Any = 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own")
    write(path / "regularizer/mine.yaml", MINE)
    write(path / "experiment/refers.yaml", "# @package _global_\nmodel: {depth: '${seed}', kept: '${model.depth}'}\n")
    write(path / "experiment/preset.yaml", "# @package _global_\nseed: 5\nmodel: {widths: [8]}\n")
    write(path / "experiment/grid.yaml", "# @package _global_\nhydra: {sweeper: {params: {seed: '0,1,2'}}}\n")
    write(
        path / "experiment/parts.yaml",
        "# @package _global_\nsweep:\n  parts:\n    - [regularizer=none]\n"
        "    - [regularizer=l2, 'regularizer.l2.strength=1e-4,1e-3']\n",
    )
    return path


@pytest.fixture
def loader(folder: Path) -> Iterator[Counting]:
    store = ConfigStore.instance()
    store.store(group="model", name="typed", node=Typed)
    with hydra_1_3():
        yield Counting(search_path(None, str(folder)))
    del store.repo["model"]


def show(config: RunConfig) -> str:
    return repr(config)  # tells 1, 1.0 and True apart, and equals itself where a value is nan


def plan(loader: CheckedLoader, words: Sequence[str]) -> Answer:
    try:
        return [show(config) for config in compose_product(loader, "config", read_master(loader, "config", words))]
    except ConfigError as refusal:
        return str(refusal)


def swept(loader: CheckedLoader, words: Sequence[str]) -> list[RunConfig]:
    return compose_sweep(loader, "config", split_parts(words))


def compose_each(loader: CheckedLoader, words: Sequence[str]) -> Answer:
    """Split with Hydra's own sweeper and compose every job in full."""
    runs = []
    try:
        check_overrides(words)
        with explained(loader):
            parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
            jobs = BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]
        for job in jobs:
            runs.append(show(parse(loader.load_configuration("config", job, RunMode.RUN), job)))
    except ConfigError as refusal:
        return str(refusal)
    return runs


TEXTS = "1,1.0,true,'true',\"a b\",a\\,b,null,1e-3,1_000,+2,-.5,nan,inf,'',str(3),x:y,/p,a b,\"it's\",\\\\"
KINDS = [
    "seed=0,1,2",
    "seed=range(0,3)",
    "seed=choice(2,0)",
    "seed=0,true",
    "seed=0,null",
    "seed=0,1.5",
    "seed=0,abc,1",
    "seed=0,-1",
    "threads=null,1,2",
    "threads=1,0",
    "name=a,b",
    "name=str(1),a",
    "name=a,'../x'",
    "name=a,'${seed}'",
    "name=a,'???'",
    "name=a,'a\x1bb'",
    f"name=a,{'x' * 101}",
    "quiet=true,false",
    "quiet=true,1",
    "resume=auto,fresh,never",
    "runs=a,~/b,''",
    "sede=0,1",
    "seed.foo=0,1",
    "schedule.batch_size=32,full,null",
    "schedule.optimizer.lr=1e-3,1e-2,0.1",
    "schedule.optimizer.lr=range(0.1,0.5,0.1)",
    "schedule.optimizer.lr.foo=1,2",
    "schedule.optimizer=adam,sgd",
    "schedule.optimizer=null,adam",
    "schedule/optimizer=sgd,adam",
    "schedule/optimizer=sgd,adma",
    "model.widths=[8],[8,8]",
    "model.widths.0=8,16",
    "model.widht=8,16",
    "model=mlp,linear",
    "model={name:mlp},{name:other}",
    "model=null,mlp",
    "+model.extra=1,2",
    "++model.extra=1,2",
    "+model.twin=${seed}",
    "+seed=1,2",
    "~schedule.batch_size",
    "~schedule.batch_size=64,32",
    "++schedule.optimizer={lr:0.5}",
    "+schedule={epochs:7},{epochs:8}",
    "schedule.epochs=3,4",
    "experiment=null,preset",
    "experiment=preset,refers",
    "experiment=refers",
    "device=cpu,cuda:0",
    "device=cpu,'../x'",
    "sweep.job.slurm_partition=cpu",
    "@x=1,2",
    "seed@x=1,2",
    "$x=1,2",
    "0.1=1,2",
]
MINES = [
    f"regularizer.mine.text={TEXTS}",
    "regularizer.mine.text=a,str([1,2])",
    "regularizer.mine.text=a,'???'",
    "regularizer.mine.text=a,'${seed}'",
    "regularizer.mine.text=a,${seed},${..other}",
    "regularizer.mine.text=a,{b:1}",
    "regularizer.mine.text=[a],b",
    "regularizer.mine.text=shuffle(1)",
    "regularizer.mine.deep.more.x=1,2.5,a",
    "regularizer.mine.deep.more.x=1,2|++regularizer.mine.deep={more:{x:7}}",
    "regularizer.mine.deep.more.x=1,2|regularizer.mine.deep.more.list=[3]",
    "regularizer.mine.deep.more.x=1,2|~regularizer.mine.deep.more.list",
    "regularizer.mine.deep.more.x=1,2|~regularizer.mine.deep",
    "regularizer.mine.deep.more=1,2",
    "regularizer.mine.deep.more=1,null",
    "regularizer.mine.deep.more=null,1",
    "regularizer.mine.deep.more.list=1,2",
    "regularizer.mine.nothing=1,null,2",
    "regularizer.mine.open.own=1,2",
    "regularizer.mine.open.own=1,2|regularizer.mine.open.also=3,4",
    "regularizer.mine.open.0=1,2",
    "regularizer.mine.open.own.deep=1,2",
    "regularizer.mine.whole.0=1,2",
    "regularizer.mine.whole.1=1,2",
    "regularizer.mine.name=mine,other",
    "regularizer.mine._target_=1,2",
    "regularizer.mine=1,2",
    "regularizer.mine.text=a,b|regularizer.mine.other=1,2|seed=0,1",
]
OTHERS = [
    ["model=typed", "model.width=1,'2',2.0"],
    ["model=typed", "model.width=1,x"],
    ["model=typed", "model.free=1,x,null"],
    ["model=typed,mlp", "seed=0,1"],
    ["regularizer=none,l2", "seed=0,1"],
    ["regularizer=glob(l*)", "seed=0,1"],
    ["regularizer=[mine],[mine,l2]", "regularizer.mine.text=a,b"],
    ["regularizer=l2", STRENGTHS, "seed=0,1", "schedule.optimizer.lr=0.1,0.2"],
    [STRENGTHS],
    ["experiment=preset", "seed=1,2"],
    ["experiment=refers", "model.depth=1,2"],
    ["experiment=refers", "model.depth=1,2", "model.kept=3,4"],
    ["experiment=refers", "seed=1,2"],
    ["seed=1,2", "+model.twin=${seed}"],
    ["+model.twin=${seed},${threads}", "seed=1,2"],
]
ALL = [[kind] for kind in KINDS] + [["regularizer=mine", *kind.split("|")] for kind in MINES] + OTHERS


@pytest.mark.matrix(cases=12)
@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_planning_is_composing_each_job(loader: Counting, words: list[str]) -> None:
    assert plan(loader, words) == compose_each(loader, words)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*KINDS[:3], *KINDS[8:10], *KINDS[22:]]), min_size=2, max_size=3, unique=True))
def test_words_together_are_composed_as_one_by_one(loader: Counting, words: list[str]) -> None:
    assert plan(loader, words) == compose_each(loader, words)


@pytest.mark.parametrize(
    ("words", "runs", "most"),
    [
        (["seed=range(200)"], 200, 2),
        (["regularizer=l2", "regularizer.l2.strength=range(0.0,1.0,0.1)", "seed=range(20)"], 200, 2),
        (["regularizer=none,l2,[l2,dropout]", "seed=range(50)"], 150, 4),
        (["experiment=strengths", "seed=range(10)"], 160, 13),
        (["regularizer=mine", "regularizer.mine.open.own=range(50)", f"regularizer.mine.text={TEXTS}"], 900, 2),
    ],
)
def test_values_are_not_composed_one_by_one(loader: Counting, words: list[str], runs: int, most: int) -> None:
    assert len(swept(loader, words)) == runs
    assert len(loader.composed) == most


def test_what_is_equal_is_kept_once(loader: Counting) -> None:
    runs = swept(loader, ["regularizer=l2", STRENGTHS, "seed=range(20)"])
    assert len({id(run.model) for run in runs}) == 1
    assert len({id(run.regularizers["l2"]) for run in runs}) == 2


def test_a_part_is_a_sweep_of_its_own(loader: Counting) -> None:
    parts = [["regularizer=l2", STRENGTHS], [], ["regularizer=dropout", "regularizer.dropout.rate=0.1,0.3"]]
    words = ["seed=0,1", *(word for part in parts for word in ("--", *part))]
    whole = [show(run) for run in swept(loader, words)]
    assert whole == [run for part in parts for run in compose_each(loader, ["seed=0,1", *part])]
    assert len(whole) == 10


def test_parts_in_a_file_are_those_of_the_command_line(loader: Counting) -> None:
    typed = ["seed=0,1", "--", "regularizer=none", "--", "regularizer=l2", STRENGTHS]
    in_file = swept(loader, ["experiment=parts", "seed=0,1"])
    assert [run.run_id() for run in in_file] == [run.run_id() for run in swept(loader, typed)]
    assert len(in_file) == 6


def test_the_shipped_parts_are_allowed(loader: Counting) -> None:
    runs = swept(loader, ["experiment=strengths", "seed=0,1,2"])
    build_all(runs)
    assert len({run.config_hash() for run in runs}) == len(runs) == 48
    assert {run.name for run in runs} == {"strengths"}


def test_runs_that_parts_share_are_planned_once(loader: Counting) -> None:
    words = ["--", "regularizer=l2", STRENGTHS, "--", "regularizer=l2,none"]
    assert [run.regularizers.get("l2", {}).get("strength") for run in swept(loader, words)] == [
        1e-4,
        1e-3,
        None,
    ]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["-m", "experiment=parts", "--", "seed=0"], "no others can be added"),
        (["-m", "--", "experiment=parts"], "no others can be added"),
        (["experiment=parts"], "(sweep.parts); add -m"),
        (["-m", "experiment=parts,preset"], "declares a sweep"),
        (["-m", "experiment=preset,parts"], "declares a sweep"),
        (["-m", "experiment=preset,grid"], "declares a sweep"),
        (["-m", "experiment=parts", "regularizer=l1"], "part 1: regularizer is given twice"),
        (["-m", "seed=0", "--", "model=mlp", "--", "seed=1,2"], "part 2: seed is given twice"),
        (["-m", "seed=0,1", "--", "model=mlp", "--", "model=mpl"], "part 2: model=mpl: no such model"),
        (["-m", "sweep.workers=1,2"], "sweep.workers=1,2: it decides how all runs"),
        (["-m", "sweep.workers=0"], "whole number"),
        (["-m", "threads=1,2"], "threads cannot be swept"),
        (["-m", "device=cpu,cuda:0", "seed=0,1"], "device cannot be swept"),
        (["-m", "--", "resume=auto", "--", "resume=fresh"], "resume cannot be swept"),
        (["sweep.wrokers=1"], "did you mean 'workers'"),
        (["sweep=null"], "mapping"),
        (["sweep.parts=3"], "list of lists"),
        (["-m", "sweep.parts=[[seed]]"], "key=value"),
        (["-m", "sweep.parts=[[3]]"], "3 is not an override"),
        (["-m", "sweep.parts=[['-m']]"], "key=value"),
    ],
)
def test_a_mistaken_part_is_one_line(regbench: Session, folder: Path, words: list[str], hint: str) -> None:
    assert hint in regbench.refusal("run", "--config-dir", str(folder), *words)


def test_a_scheduler_is_told_in_its_own_words(regbench: Session) -> None:
    assert regbench("run", "-m", "sweep.job.slurm_partition=cpu", "sweep.workers=3", "seed=0,1") == 0
    assert [run.sweep["job"] for run in regbench.runs] == [{"slurm_partition": "cpu"}] * 2
    assert {run.sweep["workers"] for run in regbench.runs} == {3}


def test_every_value_is_checked_before_the_first_run_starts(loader: Counting) -> None:
    build_all(swept(loader, ["regularizer=l2", STRENGTHS, "seed=range(9)"]))
    for words, hint in (
        (["regularizer=l2", "regularizer.l2.strength=1e-3,-1", "seed=0,1"], r"regularizer\.l2\.strength"),
        (["schedule.epochs=1,0"], r"schedule\.epochs"),
        (["model.widths=[8],[0]"], r"model\.widths"),
        (["device=tpu"], "device"),
        (["regularizer=[l2],[l2,ema]", "seed=0,1", "+regularizer.l2.extra=3"], "extra"),
    ):
        with pytest.raises(ConfigError, match=hint):
            build_all(swept(loader, words))
