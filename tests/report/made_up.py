"""A study's folder with figures that nobody computed: everything a page can show, in a second."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regbench.evidence.intervals import measure_difference
from regbench.evidence.verdict import Rules, judge

TECHNIQUES = (
    "dropout", "l2", "l1", "weight_decay", "max_norm", "batch_norm", "label_smoothing", "mixup", "input_noise", "sam",
    "ema", "bagging", "gradient_noise", "cutout", "elastic_net", "dropconnect", "activation_noise", "weight_noise",
    "confidence_penalty", "curriculum", "gradient_clipping",
)  # fmt: skip
KEYS = {"dropout": ("rate", "input_rate"), "l2": ("strength",), "gradient_noise": ("eta", "gamma"), "mixup": ("alpha",)}
LR = "schedule.optimizer.lr"
EVIL = "<img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class MadeUp:
    """Sizes of a study that is made up."""

    arms: int = 11
    replicates: int = 20
    trials: int = 8
    evil: bool = False
    complete: bool = True
    interactions: bool = False
    pairs: int = 0
    """Further arms of two techniques each."""
    epochs: int = 40
    rows: int = 120
    seed: int = 0
    metric: str = "accuracy"


def write_study(folder: Path, made: MadeUp = MadeUp()) -> Path:
    """Write the folder of a study and return it."""
    rng = np.random.default_rng(made.seed)
    (folder / "generations").mkdir(parents=True, exist_ok=True)
    arms = _list_arms(made)
    skill = {arm["name"]: float(rng.normal(0.004, 0.012)) for arm in arms[1:]} | {"none": 0.0}
    base = 0.82 + rng.normal(0, 0.02, made.replicates)
    scores = {
        arm["name"]: np.clip(base + skill[arm["name"]] + rng.normal(0, 0.012, made.replicates), 0, 1) for arm in arms
    }
    trials = _make_trials(arms, scores, made, rng, folder)
    _write_csv(folder / "trials.csv", trials)
    _write_csv(folder / "fresh.csv", _make_fresh(arms, scores, trials, made, rng))
    plan, verdict = _make_plan(arms, made), _make_verdict(arms, scores, made, rng)
    for name, content in (("study.json", plan), ("verdict.json", verdict)):
        (folder / name).write_text(json.dumps(content, sort_keys=True, indent=1, allow_nan=False))
    return folder


def _list_arms(made: MadeUp) -> list[dict[str, Any]]:
    names = list(TECHNIQUES[: made.arms])
    members = [[name] for name in names]
    if made.interactions:
        pairs = [[a, b] for k, a in enumerate(names[:3]) for b in names[k + 1 : 3]]
        names += ["+".join(pair) for pair in pairs]
        members += pairs
    further = [list(pair) for pair in combinations(names, 2)][: made.pairs]
    names += ["+".join(pair) for pair in further]
    members += further
    if made.evil:
        names[-1] = EVIL
    found = [_make_arm("none", [])]
    return found + [_make_arm(name, own) for name, own in zip(names, members, strict=True)]


def _make_arm(name: str, members: Sequence[str]) -> dict[str, Any]:
    space = [{"key": LR, "low": 1e-4, "high": 1e-1, "log": True}]
    for member in members:
        for key in KEYS.get(member, ("strength",)):
            log = key not in ("rate", "input_rate", "gamma")
            low, high = (1e-4, 1.0) if log else (0.05, 0.8)
            space.append({"key": f"regularizer.{member}.{key}", "low": low, "high": high, "log": log})
    chosen = members[0] if len(members) == 1 else f"[{','.join(members)}]" if members else "none"
    return {
        "name": name,
        "overrides": [f"regularizer={chosen}"],
        "members": list(members),
        "space": space,
        "groups": {},
        "off": {},
    }


def _short(key: str) -> str:
    return "lr" if key == LR else key.removeprefix("regularizer.")


def _make_trials(
    arms: Sequence[Mapping[str, Any]],
    scores: Mapping[str, np.ndarray[Any, Any]],
    made: MadeUp,
    rng: np.random.Generator,
    folder: Path,
) -> pd.DataFrame:
    tables, metric = [], made.metric
    for number, arm in enumerate(arms):
        count = made.replicates * made.trials
        share = {c["key"]: rng.random(count) for c in arm["space"]}
        table = pd.DataFrame(
            {
                "arm": arm["name"],
                "replicate": np.repeat(np.arange(made.replicates), made.trials),
                "trial": np.tile(np.arange(made.trials), made.replicates),
                "repeat": 0,
                "seed": 7,
            }
        )
        for c in arm["space"]:
            table[_short(c["key"])] = place(share[c["key"]], c)
        loss = sum(((u - 0.6) ** 2 for u in share.values()), np.zeros(count))
        level = scores[arm["name"]][table["replicate"]]
        table["status"], table["epochs"], table["best_epoch"] = "stopped_early", made.epochs, rng.integers(5, 30, count)
        table["train_loss"], table[f"train_{metric}"] = 0.3 + loss, level + 0.08
        table["val_loss"] = 0.5 + loss + rng.normal(0, 0.02, count)
        table[f"val_{metric}"] = level + 0.01 - 0.2 * loss + rng.normal(0, 0.01, count)
        table["steps"] = made.epochs * 10
        best = table.groupby("replicate")[f"val_{metric}"].idxmax()
        table["chosen"] = table.index.isin(best).astype(int)
        _write_curves(folder, f"arm{number}-0" if made.evil else f"{arm['name']}-0", table, made, rng)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def place(share: np.ndarray[Any, Any], coordinate: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Return values of a coordinate at shares of its range."""
    low, high = coordinate["low"], coordinate["high"]
    values: np.ndarray[Any, Any] = low * (high / low) ** share if coordinate["log"] else low + (high - low) * share
    return values


def _write_curves(folder: Path, name: str, table: pd.DataFrame, made: MadeUp, rng: np.random.Generator) -> None:
    epochs = np.arange(1, made.epochs + 1)
    fall = np.exp(-epochs / 8)
    train = 0.15 + 2 * fall + rng.normal(0, 0.01, (len(table), made.epochs))
    val = 0.45 + 1.8 * fall + 0.006 * epochs + rng.normal(0, 0.02, (len(table), made.epochs))
    curves = np.stack([train, 1 - train / 3, val, 1 - val / 3], 1).astype(np.float32)
    for row, best in enumerate(table["best_epoch"]):
        curves[row, :, min(best + 10, made.epochs) :] = np.nan
    index = {key: table[key].to_numpy() for key in ("replicate", "trial", "repeat")}
    np.savez_compressed(folder / "generations" / f"{name}.npz", curves=curves, **index)
    _write_csv(folder / "generations" / f"{name}.csv", table)


def _make_fresh(
    arms: Sequence[Mapping[str, Any]],
    scores: Mapping[str, np.ndarray[Any, Any]],
    trials: pd.DataFrame,
    made: MadeUp,
    rng: np.random.Generator,
) -> pd.DataFrame:
    tables = []
    for arm in arms:
        chosen = trials[(trials["arm"] == arm["name"]) & (trials["chosen"] == 1)].reset_index(drop=True)
        kept = ["arm", "replicate", "seed", *(_short(c["key"]) for c in arm["space"]), "status", "best_epoch", "epochs"]
        table = chosen[kept].copy()
        for part, gain in (("train", 0.08), ("val", 0.004), ("test", 0.0)):
            table[f"{part}_loss"] = 0.5 - gain + rng.normal(0, 0.02, len(table))
            table[f"{part}_{made.metric}"] = scores[arm["name"]] + gain
        table["steps"], table["run"] = 400, [f"run-{arm['overrides'][0][12:]}-{r}" for r in table["replicate"]]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, index=False, lineterminator="\n")


def _make_plan(arms: Sequence[Mapping[str, Any]], made: MadeUp) -> dict[str, Any]:
    return {
        "schema": 1,
        "hash": "3f2a" * 16,
        "name": "bench-digits-mlp",
        "command": ["dataset=digits", "dataset.train_size=150", "study.budget=3m"],
        "identity": {"study": {"select": "metric"}},
        "interactions": list(TECHNIQUES[:3]) if made.interactions else [],
        "data": {
            "name": "digits",
            "rows": 1797,
            "inputs": "64 inputs",
            "input_shape": [64],
            "task": "classification",
            "classes": [str(k) for k in range(10)],
            "train": 150,
            "val": 360,
            "test": 360,
            "checksum": "7d69" * 16,
            "notes": ["20 % of the training labels are wrong, as asked"],
            "lines": [],
        },
        "network": {
            "name": "mlp 64-64",
            "text": "mlp 64-64, adam, up to 60 epochs, stopped on val_loss",
            "parameters": 8970,
        },
        "metric": {"name": made.metric, "unit": "", "higher_is_better": True, "why": "classes are of about equal size"},
        "baseline": "none",
        "arms": list(arms),
        "skipped": [{"name": "smote", "reason": "classes are balanced"}],
        "sizes": {"replicates": made.replicates, "trials": made.trials, "finalists": 0},
        "cut": {"method": "kfold", "folds": 5, "text": f"{made.replicates // 5} x 5 folds"},
        "estimate": {"seconds": 98.0, "workers": 2, "runs": len(arms) * made.replicates * (made.trials + 1)},
        "pilot": {},
        "versions": {"regbench": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"},
    }


def _make_verdict(
    arms: Sequence[Mapping[str, Any]],
    scores: Mapping[str, np.ndarray[Any, Any]],
    made: MadeUp,
    rng: np.random.Generator,
) -> dict[str, Any]:
    names = [arm["name"] for arm in arms]
    found = judge(np.array([scores[name] for name in names]), names, "none", Rules(folds=5))
    spaces = {arm["name"]: arm for arm in arms}
    judged = []
    for arm in found.arms:
        d = measure_difference(scores[arm.name] - scores["none"])
        judged.append(
            {
                "name": arm.name,
                "word": None if arm.word is None else arm.word.value,
                "needs": {"replicates": 15, "rows": None, "seconds": 20.0} if arm.word == "undecided" else None,
                "identical": False,
                "mean": arm.mean,
                "difference": d.mean,
                "low": arm.interval.low,
                "high": arm.interval.high,
                "low_all": arm.together.low,
                "high_all": arm.together.high,
                "p_adjusted": arm.p_adjusted,
                "s": 0.012,
                "q_row": 0.1,
                "wins": 12,
                "ties": 1,
                "chance_better": 0.4,
                "chance_same": 0.5,
                "chance_worse": 0.1,
                "relative_error_change": -d.mean / 0.18,
                "optimism": 0.004,
                "diverged": [0, made.replicates],
                "warnings": ["inert"] if arm.name == "weight_decay" else [],
                "cost": _make_cost(rng),
                "recommended": _recommend(spaces[arm.name], rng),
            }
        )
    base = {
        "name": "none",
        "mean": found.baseline_mean,
        "sd": found.baseline_sd,
        "recommended": _recommend(spaces["none"], rng),
        "cost": {"train_ratio": 1.0, "inference_ratio": 1.0, "parameters": 8970},
    }
    leader = found.leader
    return {
        "schema": 1,
        "study_hash": "3f2a" * 16,
        "complete": made.complete,
        "look": 1,
        "alpha": 0.025,
        "metric": made.metric,
        "unit": "",
        "higher_is_better": True,
        "rope": 0.01,
        "replicates": made.replicates,
        "family": names[1:],
        "baseline": base,
        "arms": judged,
        "as_typed": {"mean": 0.828, "difference": 0.009, "low": 0.0, "high": 0.02},
        "leader": leader,
        "not_told_apart": names[1:3],
        "front": {"train": ["none", leader], "inference": ["none", leader]},
        "headline": f"Use {leader}: better than the same network without it by 2.6 points of accuracy (0.1 to 5.0 "
        f"with all {len(names) - 1} arms accounted for), at 1.4 times the training time.",
        "kind": found.headline.value,
        "how": f"regularizer={leader if leader in TECHNIQUES else 'dropout'} schedule.optimizer.lr=0.0095",
        "final": ["dataset=digits", "regularizer=[dropout]", "schedule/stop=none", "dataset.split.method=all"],
        "surer": "the same command with --more 40: about 80 % chance to decide label_smoothing, 1 min 40 s",
        "notes": ["8 trials lost 0.9 points against the settings as typed: study.trials=16 may raise every arm"],
        "warnings": ["weight_decay: inert: no trial changed over 0.5 % of validation predictions"],
        "diagnosis": {
            "names": ["overfitting"],
            "sentence": "overfitting: without stopping, validation error ends 22 points above training error; early "
            "stopping leaves 1",
            "advice": ["the verdict's arms", "more training rows"],
            "figures": {"gap_last": {"mean": 0.41, "low": 0.35, "high": 0.47}},
        },
        "references": {"extra trees": {"mean": 0.879}, "boosting": {"mean": 0.734}},
        "noise": {n: {"sigma": [0, 0.1, 0.5, 1.0], "mean": [0.82, 0.8, 0.7, 0.5]} for n in ("none", leader)},
        "learning": {n: {"rows": [19, 38, 75, 150], "mean": [0.5, 0.64, 0.75, 0.82]} for n in ("none", leader)},
        "calibration": {name: _calibrate(rng) for name in names},
        "decomposition": {name: _decompose(1 - float(scores[name].mean()), rng) for name in names},
        "expected_best": {name: _expect(float(scores[name].mean()), made.trials) for name in names},
    }


def _make_cost(rng: np.random.Generator) -> dict[str, float]:
    ratio = float(np.exp(rng.normal(0.15, 0.35)))
    return {
        "train_ratio": ratio,
        "train_low": ratio * 0.9,
        "train_high": ratio * 1.1,
        "epochs_median": 21,
        "epochs_low": 15,
        "epochs_high": 30,
        "tuning_runs": 180,
        "tuning_seconds": 8.1,
        "inference_ratio": float(np.exp(abs(rng.normal(0, 0.1)))),
        "parameters": 8970,
        "memory_bytes": 3_000_000,
    }


def _recommend(arm: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    values, curves = {}, {}
    for c in arm["space"]:
        share = np.linspace(0, 1, 40)
        mean = -0.2 * (share - 0.6) ** 2
        values[c["key"]] = float(f"{place(np.array([0.6]), c)[0]:.3g}")
        x = place(share, c)
        curves[c["key"]] = {
            "x": x.tolist(),
            "mean": mean.tolist(),
            "low": (mean - 0.01).tolist(),
            "high": (mean + 0.01).tolist(),
        }
    overrides = [*arm["overrides"], *(f"{key}={value}" for key, value in values.items())]
    edge = [arm["space"][-1]["key"]] if rng.random() < 0.2 else []
    return {"overrides": overrides, "values": values, "at_edge": edge, "curves": curves}


def _calibrate(rng: np.random.Generator) -> dict[str, Any]:
    confidence = np.linspace(0.15, 0.97, 12)
    excess = float(rng.normal(0.05, 0.05))
    accuracy = np.clip(confidence - excess + rng.normal(0, 0.02, 12), 0, 1)
    bins = [
        {"confidence": float(c), "accuracy": float(a), "count": 40} for c, a in zip(confidence, accuracy, strict=True)
    ]
    error = abs(excess) + 0.02
    word = "calibrated" if error < 0.05 else "overconfident" if excess > 0 else "underconfident"
    return {"brier": 0.25, "ece": error, "ece_limit": 0.05, "word": word, "bins": bins}


def _decompose(error: float, rng: np.random.Generator) -> dict[str, float]:
    share = float(rng.uniform(0.5, 0.8))
    return {"bias": error * share, "variance": error * (1 - share), "error": error}


def _expect(mean: float, trials: int) -> dict[str, list[float]]:
    k = list(range(1, trials + 1))
    best = [mean + 0.02 * math.log(at) for at in k]
    return {"k": [*map(float, k)], "mean": best, "low": [v - 0.01 for v in best], "high": [v + 0.01 for v in best]}


def adopt_runs(folder: Path, runs: Mapping[str, Path]) -> None:
    """Make real runs, by arm, the fresh runs of a study, and two inputs its data."""
    table = pd.read_csv(folder / "fresh.csv")
    for arm, source in runs.items():
        shutil.copytree(source, folder / source.name)
        table.loc[table["arm"] == arm, "run"] = source.name
    _write_csv(folder / "fresh.csv", table)
    plan = json.loads((folder / "study.json").read_text())
    plan["data"] |= {"name": "moons", "rows": 500, "inputs": "2 inputs", "input_shape": [2], "classes": ["0", "1"]}
    (folder / "study.json").write_text(json.dumps(plan, sort_keys=True, indent=1))
