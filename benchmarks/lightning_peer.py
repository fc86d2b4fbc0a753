"""The peer with comparable services: Lightning's Trainer with CSVLogger, EarlyStopping and ModelCheckpoint."""

from __future__ import annotations

import logging
import time
import warnings
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.task import BATCH, LEARNING_RATE, Rows, load_digits, make_network


class Classifier(L.LightningModule):
    """The same network, loss, optimizer and figures as the hand-written loop."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Return the loss of one batch; its mean over the epoch is logged, as regbench logs its objective."""
        x, y = batch
        loss = F.cross_entropy(self.network(x), y)
        self.log("objective", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int, dataloader_idx: int) -> None:
        """Log loss and accuracy of the validation rows (0) or of the training rows measured (1)."""
        x, y = batch
        logits = self.network(x)
        part = ("val", "train")[dataloader_idx]
        figures = {
            f"{part}_loss": F.cross_entropy(logits, y),
            f"{part}_accuracy": (logits.argmax(dim=1) == y).float().mean(),
        }
        self.log_dict(figures, add_dataloader_idx=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam at the task's learning rate."""
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


class EpochStarts(L.Callback):
    """Notes when each epoch starts; the difference of two starts holds everything an epoch costs."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_epoch_start(self, *_: object) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())

    def on_train_end(self, *_: object) -> None:
        """Note the end of the last epoch."""
        self.times.append(time.perf_counter())


def train(epochs: int) -> list[float]:
    """Train for `epochs` and return the seconds of each epoch."""
    silence()
    torch.manual_seed(0)
    data = load_digits()
    starts = EpochStarts()
    with TemporaryDirectory() as folder:
        trainer = make_trainer(epochs, Path(folder), starts)
        trainer.fit(Classifier(make_network(data.x_train.shape[1])), *make_loaders(data))
        assert trainer.callback_metrics["val_accuracy"] > 0.9, "the peer must learn the task that it is timed on"
    return [end - start for start, end in pairwise(starts.times)]


def silence() -> None:
    """Keep Lightning's remarks on its own settings off the screen."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")


def make_loaders(data: Rows) -> tuple[DataLoader[tuple[Tensor, ...]], list[DataLoader[tuple[Tensor, ...]]]]:
    """Return the training loader, and one loader of a single batch for each part that is measured."""
    train_loader = DataLoader(TensorDataset(data.x_train, data.y_train), BATCH, shuffle=True)
    measured = [TensorDataset(data.x_val, data.y_val), TensorDataset(data.x_seen, data.y_seen)]
    return train_loader, [DataLoader(part, len(part)) for part in measured]


def make_trainer(epochs: int, folder: Path, *others: L.Callback) -> L.Trainer:
    """Return a trainer with regbench's services: metrics in a CSV, a stopping rule, the best checkpoint."""
    return L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=CSVLogger(folder),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[
            EarlyStopping("val_loss", patience=epochs),
            ModelCheckpoint(folder / "checkpoints", monitor="val_loss"),
            *others,
        ],
    )
