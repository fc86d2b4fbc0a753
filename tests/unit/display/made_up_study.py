"""The study that the sample of the layout shows, as study.json and verdict.json have it."""

from __future__ import annotations

from typing import Any

NEEDS = {"replicates": None, "rows": None, "seconds": None}


def make_plan() -> dict[str, Any]:
    """The content of study.json, as far as a terminal shows it."""
    names = [arm["name"] for arm in make_verdict()["arms"]]
    return {
        "name": "bench-digits-mlp",
        "baseline": "none",
        "identity": {"schedule": {"optimizer": {"lr": 0.001}}},
        "data": {
            "name": "digits",
            "rows": 1797,
            "inputs": "64 inputs",
            "classes": [str(digit) for digit in range(10)],
            "train": 150,
            "label_noise": 0.2,
            "notes": [],
        },
        "network": {"text": "mlp 64-64, adam, up to 60 epochs, stopped on val_loss", "parameters": 8970},
        "metric": {"name": "accuracy", "why": "for classes"},
        "arms": [{"name": name} for name in ("none", *names)],
        "skipped": [],
        "sizes": {"replicates": 20, "trials": 8, "finalists": 0},
        "cut": {"method": "kfold", "folds": 5, "text": "4 x 5 folds"},
        "estimate": {"seconds": 50.2, "workers": 2, "runs": 1640},
        "pilot": {
            "none": {"epochs": 31.5, "steps": 3, "step_seconds": 2e-4, "evaluation": 0.5, "cohort": 160},
            "dropout": {"epochs": 44.0, "steps": 3, "step_seconds": 3e-4, "evaluation": 0.5, "cohort": 80},
        },
    }


def make_arm(name: str, mean: float, shift: tuple[float, float, float], word: str, **others: Any) -> dict[str, Any]:
    """An arm of verdict.json; `shift` is its difference with both ends of its interval."""
    wins, cost = others.pop("wins", 10), others.pop("cost", 1.0)
    replicates = others.pop("needs", None)
    return {
        "name": name,
        "mean": mean,
        **dict(zip(("difference", "low", "high"), shift, strict=True)),
        "word": word,
        "identical": False,
        "needs": None if replicates is None else NEEDS | {"replicates": replicates},
        "wins": wins,
        "warnings": [],
        "cost": {"train_ratio": cost},
        **others,
    }


def make_verdict() -> dict[str, Any]:
    """The content of verdict.json, as far as a terminal shows it."""
    inert, same, open_ = "inert: no trial changed a validation figure by 0.5 %", "no practical difference", "undecided"
    return {
        "complete": True,
        "look": 1,
        "alpha": 0.025,
        "metric": "accuracy",
        "replicates": 20,
        "baseline": {"name": "none", "mean": 0.819, "cost": {"train_ratio": 1.0}},
        "arms": [
            make_arm("dropout", 0.844, (0.026, 0.009, 0.043), "better", wins=17, cost=1.4),
            make_arm("sam", 0.832, (0.013, -0.001, 0.027), open_, wins=14, cost=2.4, needs=55),
            make_arm("mixup", 0.831, (0.013, 0.001, 0.025), open_, wins=16, needs=45),
            make_arm("label_smoothing", 0.831, (0.012, 0.001, 0.024), open_, wins=16, needs=40),
            make_arm("max_norm", 0.822, (0.003, -0.003, 0.01), same, wins=11),
            make_arm("weight_decay", 0.819, (0.0004, -0.005, 0.006), same, wins=9, cost=1.1, warnings=[inert]),
            make_arm("batch_norm", 0.807, (-0.011, -0.037, 0.014), open_, wins=10, needs=315),
            make_arm("l2", 0.806, (-0.012, -0.036, 0.012), open_, wins=8, needs=225),
        ],
        "as_typed": {"mean": 0.828},
        "references": {"boosting": {"mean": 0.734}, "extra trees": {"mean": 0.879}},
        "headline": (
            "Use dropout: better than the same network without it by 2.6 points of accuracy (0.1 to 5.0 with all 8 "
            "arms accounted for), at 1.4 times the training time. "
            "Not told apart from it: sam, mixup and label_smoothing."
        ),
        "how": "regularizer=dropout regularizer.dropout.rate=0.23 schedule.optimizer.lr=0.0095",
        "diagnosis": {
            "sentence": (
                "overfitting: without stopping, validation error ends 22 points above training error; early stopping "
                "leaves 1"
            )
        },
        "notes": ["8 trials lost 0.9 points against the settings as typed: study.trials=16 may raise every arm"],
        "warnings": [],
        "surer": "the same command with --more 40: about 80 % chance to decide label_smoothing, 1 min 40 s",
    }
