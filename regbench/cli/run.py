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
from regbench.compose.guard import declared_sweep
from regbench.compose.loader import PRIMARY, CheckedLoader, search_path, shadowed, warn
from regbench.compose.sweep_runs import plan_sweep
from regbench.config.run_config import parse
from regbench.errors import ConfigError, suggest


def run(argv: Sequence[str]) -> int:
    """Do what follows `regbench run` on the command line and return the exit code.

    Hydra composes; it does not run. Its own runner makes folders, sets up logging and calls callbacks that any
    configuration file can name, and its sweeper composes every job twice and saves `multirun.yaml`.

    Raises:
        ConfigError: something typed or written cannot be used; nothing was started and no folder made.
    """
    args = parse_flags(argv)
    loader = CheckedLoader(search_path(args.config_path, args.config_dir))
    name = args.config_name or PRIMARY
    for line in shadowed(loader, name, args.overrides):
        warn(line)
    if args.help or args.hydra_help or args.info:
        loader.load_configuration(name, args.overrides, RunMode.RUN)  # so that a refusal precedes any of the answer
        return _inform(Hydra("regbench", loader), name, args)
    if args.multirun:
        configs = plan_sweep(loader, name, [*args.overrides, *args.parts])
        from regbench.sweeps.execute import run_sweep

        return run_sweep(configs, args.dry_run)
    cfg = loader.load_configuration(name, args.overrides, RunMode.RUN)
    config = parse(cfg, args.overrides)
    if args.cfg:
        return _show(Hydra("regbench", loader), cfg, args)
    for where, declared in zip(("hydra.sweeper.params", "sweep.parts"), declared_sweep(cfg), strict=True):
        if declared:
            raise ConfigError(f"the experiment declares a sweep ({where}); add -m to run it")
    from regbench.runs.execute import run_one

    return run_one(config)


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
