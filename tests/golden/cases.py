"""Runs whose metrics.csv was recorded before the protocol was rebuilt, and the commands that train them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

COMMON = ("dataset=digits", "dataset.train_size=300", "model.widths=[24,16]", "schedule.epochs=4", "schedule/stop=none")
IMAGE = ("dataset=digits_image", "dataset.train_size=200", "model=cnn", "model.channels=[4,6]", "model.hidden=20")
SERIES = ("dataset=mnist1d", "dataset.train_size=200", "model=conv1d", "model.channels=6")
NUMBER = ("dataset=diabetes", "model.widths=[20]")
SHORT = ("schedule.epochs=3", "schedule/stop=none")


def _table(*words: str) -> tuple[str, ...]:
    return (*COMMON, *words)


def _of(setting: Sequence[str], *words: str) -> tuple[str, ...]:
    return (*setting, *SHORT, *words)


ALONE: dict[str, tuple[str, ...]] = {
    "none": _table(),
    "l1": _table("regularizer=l1", "regularizer.l1.strength=1e-3"),
    "l1_subgradient": _table("regularizer=l1", "regularizer.l1.method=subgradient", "regularizer.l1.scope=all"),
    "l2": _table("regularizer=l2", "regularizer.l2.strength=1e-2"),
    "l2_full": _table("regularizer=l2", "regularizer.l2.scaling=full", "regularizer.l2.scope=all"),
    "elastic_net": _table("regularizer=elastic_net", "regularizer.elastic_net.strength=1e-3"),
    "elastic_net_subgradient": _table("regularizer=elastic_net", "regularizer.elastic_net.method=subgradient"),
    "weight_decay": _table("regularizer=weight_decay"),
    "weight_decay_all": _table("regularizer=weight_decay", "regularizer.weight_decay.scope=all"),
    "max_norm": _table("regularizer=max_norm", "regularizer.max_norm.radius=0.5"),
    "max_norm_layer": _table(
        "regularizer=max_norm", "regularizer.max_norm.scope=layer", "regularizer.max_norm.radius=2"
    ),
    "dropout": _table("regularizer=dropout", "regularizer.dropout.input_rate=0.1"),
    "dropout_original": _table("regularizer=dropout", "regularizer.dropout.scaling=original"),
    "dropout_layers": _table("regularizer=dropout", "regularizer.dropout.layers={hidden1:0.3}"),
    "dropconnect": _table("regularizer=dropconnect"),
    "dropconnect_batch": _table("regularizer=dropconnect", "regularizer.dropconnect.mask=batch"),
    "weight_noise": _table("regularizer=weight_noise"),
    "weight_noise_all": _table(
        "regularizer=weight_noise",
        "regularizer.weight_noise.scope=all",
        "regularizer.weight_noise.distribution=laplace",
    ),
    "activation_noise": _table("regularizer=activation_noise"),
    "activation_noise_after": _table(
        "regularizer=activation_noise",
        "regularizer.activation_noise.where=after",
        "regularizer.activation_noise.distribution=uniform",
    ),
    "input_noise": _table("regularizer=input_noise"),
    "input_noise_poisson": _table("regularizer=input_noise", "regularizer.input_noise.distribution=poisson"),
    "input_noise_salt": _table("regularizer=input_noise", "regularizer.input_noise.distribution=salt_and_pepper"),
    "cutout": _table("regularizer=cutout"),
    "mixup": _table("regularizer=mixup"),
    "mixup_batch": _table("regularizer=mixup", "regularizer.mixup.per=batch"),
    "label_smoothing": _table("regularizer=label_smoothing"),
    "label_smoothing_others": _table("regularizer=label_smoothing", "regularizer.label_smoothing.form=others"),
    "confidence_penalty": _table("regularizer=confidence_penalty"),
    "confidence_penalty_hinge": _table("regularizer=confidence_penalty", "regularizer.confidence_penalty.form=hinge"),
    "sam": _table("regularizer=sam"),
    "gradient_clipping": _table("regularizer=gradient_clipping", "regularizer.gradient_clipping.limit=0.5"),
    "gradient_clipping_value": _table(
        "regularizer=gradient_clipping",
        "regularizer.gradient_clipping.by=value",
        "regularizer.gradient_clipping.limit=0.01",
    ),
    "gradient_noise": _table("regularizer=gradient_noise"),
    "ema": _table("regularizer=ema"),
    "bagging": _table("regularizer=bagging", "regularizer.bagging.members=3"),
    "bagging_vote": _table(
        "regularizer=bagging",
        "regularizer.bagging.members=2",
        "regularizer.bagging.sampling=poisson",
        "regularizer.bagging.combination=vote",
    ),
    "batch_norm": _table("regularizer=batch_norm"),
    "batch_norm_after": _table("regularizer=batch_norm", "regularizer.batch_norm.placement=after_activation"),
    "smote": (
        "dataset=breast_cancer",
        "model.widths=[16]",
        *SHORT,
        "regularizer=smote",
    ),
    "l2+dropout": _table("regularizer=[l2,dropout]"),
    "batch_norm+dropout+ema": _table("regularizer=[batch_norm,ema,dropout]"),
    "bagging+batch_norm+mixup": _table("regularizer=[bagging,batch_norm,mixup]", "regularizer.bagging.members=2"),
    "clipping+noise": _table("regularizer=[gradient_clipping,gradient_noise]"),
    "sam+l2+batch_norm": _table("regularizer=[sam,l2,batch_norm]"),
    "dropconnect+weight_noise": _table("regularizer=[dropconnect,weight_noise]"),
    "l1+max_norm+weight_decay": _table("regularizer=[l1,max_norm,weight_decay]"),
    "label_smoothing+mixup": _table("regularizer=[label_smoothing,mixup]"),
    "cutout+input_noise": _table("regularizer=[cutout,input_noise]"),
    "smote+bagging": (
        "dataset=breast_cancer",
        "model.widths=[16]",
        *SHORT,
        "regularizer=[smote,bagging]",
        "regularizer.bagging.members=2",
    ),
    "sgd": _table("schedule/optimizer=sgd", "schedule.batch_size=full"),
    "sgd_nesterov+l1": _table("schedule/optimizer=sgd_nesterov", "regularizer=l1"),
    "adamw": _table("schedule/optimizer=adamw", "schedule.optimizer.weight_decay=0.1"),
    "rmsprop+elastic_net": _table("schedule/optimizer=rmsprop", "regularizer=elastic_net", "schedule/curve=cosine"),
    "early_stop": (
        "dataset=digits",
        "dataset.train_size=120",
        "schedule.epochs=60",
        "schedule.stop.patience=2",
        "schedule.stop.reduce_lr=1",
        "schedule.optimizer.lr=0.02",
    ),
    "weight_change": (*COMMON[:-1], "schedule/stop=weight_change", "schedule.stop.lag=2"),
    "float64": _table("schedule.precision=float64", "regularizer=[dropout,l2,ema]"),
    "bfloat16": _table("schedule.precision=bfloat16", "regularizer=[batch_norm,dropout]"),
    "image_none": _of(IMAGE),
    "image_dropout": _of(IMAGE, "regularizer=dropout"),
    "image_batch_norm+cutout": _of(IMAGE, "regularizer=[batch_norm,cutout]"),
    "image_dropconnect+max_norm": _of(IMAGE, "regularizer=[dropconnect,max_norm]"),
    "series_none": _of(SERIES),
    "series_dropout+weight_noise": _of(SERIES, "regularizer=[dropout,weight_noise]"),
    "number_l1": _of(NUMBER, "regularizer=l1"),
    "number_mixup+ema": _of(NUMBER, "regularizer=[mixup,ema]"),
    "number_bagging": _of(NUMBER, "regularizer=bagging", "regularizer.bagging.members=2"),
    "polynomial_ridge": ("experiment=article_ridge", "schedule.epochs=20"),
}
"""The words of each run trained by itself, by name."""

PROXIMAL = "proximal penalties act at the scale of each step, and through the momentum"
MIXED = "the shares of mixup come from another generator, by logarithms"
COUNTED = "Poisson numbers come from another generator"
DROPPED = "kept values are scaled by the probability really drawn, a multiple of 1/65536"
AVERAGED = "norm and sparsity are those of the averaged weights, which are saved"

RAW = "mse is taken in float64, in which the square of any unit fits"
CHANGED = {
    "number_bagging": RAW,
    "l1": PROXIMAL,
    "elastic_net": PROXIMAL,
    "number_l1": f"{PROXIMAL}; {RAW}",
    "sgd_nesterov+l1": PROXIMAL,
    "rmsprop+elastic_net": PROXIMAL,
    "l1+max_norm+weight_decay": f"ranks: weight decay acts before the proximal step, no longer after it; {PROXIMAL}",
    "cutout+input_noise": "ranks: noise is added before cutout hides a part; before, it filled the hole",
    "mixup": MIXED,
    "mixup_batch": MIXED,
    "bagging+batch_norm+mixup": MIXED,
    "label_smoothing+mixup": MIXED,
    "number_mixup+ema": f"{MIXED}; {AVERAGED}; {RAW}",
    "input_noise_poisson": COUNTED,
    "bagging_vote": COUNTED,
    "dropout": DROPPED,
    "dropout_layers": DROPPED,
    "bfloat16": "drop_fraction only: its mean is taken in float32",
    "ema": AVERAGED,
    "float64": AVERAGED,
    "batch_norm+dropout+ema": AVERAGED,
}
"""Cases recorded after the protocol was rebuilt, because their result was meant to change, and what changed in them."""

STACKED = (
    "none",
    "l1",
    "elastic_net",
    "weight_decay",
    "dropout",
    "dropconnect",
    "weight_noise",
    "activation_noise",
    "mixup",
    "cutout",
    "input_noise",
    "sam",
    "ema",
    "bagging",
    "batch_norm_after",
    "gradient_noise",
    "gradient_clipping",
    "confidence_penalty_hinge",
    "adamw",
    "sgd_nesterov+l1",
    "rmsprop+elastic_net",
    "early_stop",
    "float64",
    "image_batch_norm+cutout",
    "series_none",
    "number_bagging",
)
"""Those that are trained stacked with three other seeds as well."""

Main = Callable[[Sequence[str]], int]


def train_alone(main: Main, name: str, runs: Path) -> bytes:
    """Train one case by itself and return its metrics.csv."""
    folder = runs / "alone" / name.replace("+", "-")
    code = main(["run", "-q", *ALONE[name], "threads=1", f"runs={folder}"])
    assert code == 0, f"{name}: exit code {code}"
    (table,) = folder.glob("*/*/metrics.csv")
    return table.read_bytes()


def train_stacked(main: Main, name: str, runs: Path) -> bytes:
    """Train one case with the seeds 0 to 3 as one cohort and return the metrics.csv of seed 2."""
    folder = runs / "stacked" / name.replace("+", "-")
    words = ["-m", "sweep.workers=1", "sweep.cohort=4", "seed=0,1,2,3", "threads=1", f"runs={folder}"]
    code = main(["run", "-q", *ALONE[name], *words])
    assert code == 0, f"{name}: exit code {code}"
    (table,) = folder.glob("*/*-s2-*/metrics.csv")
    return table.read_bytes()
