"""`regbench run`: one run, a sweep, or one of Hydra's ways of looking at the configuration."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from regbench.cli.flags import make_parser, parse_flags
from regbench.compose.loader import PRIMARY, CheckedLoader, open_loader, shadowed
from regbench.compose.single_run import compose_run
from regbench.compose.spelling import keep_names
from regbench.compose.sweep_runs import compose_sweep, split_parts
from regbench.config.run_config import RunConfig, parse
from regbench.display.warning import print_warning
from regbench.errors import ConfigError, suggest


def run(argv: Sequence[str]) -> int:
    """Do what follows `regbench run` on the command line and return the exit code.

    Hydra composes; it does not run. Its own runner makes folders, sets up logging and calls callbacks that any
    configuration file can name, and its sweeper composes every run twice and saves `multirun.yaml`.

    Raises:
        ConfigError: something typed or written cannot be used; nothing was started and no folder made.
    """
    args = parse_flags([keep_names(word) for word in argv])
    with open_loader(args.config_path, args.config_dir, print_warning) as loader:
        return _answer(args, loader, args.config_name or PRIMARY)


def _answer(args: Namespace, loader: CheckedLoader, name: str) -> int:
    for line in shadowed(loader, name, args.overrides):
        print_warning(line)
    if args.help or args.hydra_help or args.info:
        loader.load_configuration(name, args.overrides, RunMode.RUN)  # so that a refusal precedes any of the answer
        return _inform(Hydra("regbench", loader), name, args)
    if args.multirun:
        configs = compose_sweep(loader, name, split_parts([*args.overrides, *args.parts]))
        return _plan(configs) if args.dry_run else _sweep(configs)
    if args.cfg:
        cfg = loader.load_configuration(name, args.overrides, RunMode.RUN)
        parse(cfg, args.overrides)
        return _show(Hydra("regbench", loader), cfg, args)
    return _train(compose_run(loader, name, args.overrides))


def _train(config: RunConfig) -> int:
    from regbench.display.run_progress import open_progress
    from regbench.display.run_summary import print_result
    from regbench.runs.execute import run_one
    from regbench.runs.observer import SILENT_RUN

    result = run_one(config, SILENT_RUN if config.quiet else open_progress())
    if not config.quiet:
        print_result(result, config.metric)
    if result.note is not None:
        print(f"regbench: note: {result.note}", file=sys.stderr)
    return 0


def _plan(configs: Sequence[RunConfig]) -> int:
    from regbench.display.sweep_plan import print_plan
    from regbench.sweeps.execute import plan_sweep

    print_plan(plan_sweep(configs))
    return 0


def _sweep(configs: Sequence[RunConfig]) -> int:
    """Train a sweep and print what became of it.

    Returns:
        0; 1 where a run failed or the data changed meanwhile; 128 and the signal where one left runs to train.
    """
    from regbench.display.sweep_progress import QuietSweep, open_sweep_view
    from regbench.display.sweep_summary import print_outcome, print_sweep
    from regbench.sweeps.execute import run_sweep

    quiet = configs[0].quiet
    result = run_sweep(configs, QuietSweep() if quiet else open_sweep_view())
    if not quiet:
        print_sweep(result.statuses, result.folder)
    print_outcome(result)
    if result.changed is not None:
        print_warning(result.changed)
    if result.signal is not None and result.left:
        return 128 + result.signal
    return 1 if result.failed or result.changed else 0


def _inform(hydra: Hydra, name: str, args: Namespace) -> int:
    if args.help:
        hydra.app_help(config_name=name, args_parser=make_parser(), args=args)
    elif args.hydra_help:
        hydra.hydra_help(config_name=name, args_parser=make_parser(), args=args)
    else:
        # Hydra answers through `logging`, which prints a traceback for each line when the reader has gone.
        answer = StringIO()
        with redirect_stdout(answer):
            hydra.show_info(args.info, config_name=name, overrides=args.overrides)
        sys.stdout.write(answer.getvalue())
    return 0


def _show(hydra: Hydra, cfg: DictConfig, args: Namespace) -> int:
    """Print a composed and accepted configuration: what `--cfg job|hydra|all [--package P] [--resolve]` asks for."""
    HydraConfig.instance().set_config(cfg)
    OmegaConf.set_readonly(cfg.hydra, None)
    part: Any = hydra.get_sanitized_cfg(cfg, args.cfg)
    if args.package and args.package != "_global_":
        whole, part = part, OmegaConf.select(part, args.package)
        if part is None:
            raise ConfigError(f"--package {args.package}: unknown key; {suggest(args.package, map(str, whole))}")
        if OmegaConf.is_config(part):
            print(f"# @package {args.package}")
    if args.resolve and OmegaConf.is_config(part):
        OmegaConf.resolve(part)
    sys.stdout.write(OmegaConf.to_yaml(part) if OmegaConf.is_config(part) else f"{part}\n")
    return 0
