"""Runs that several tests load: each is trained once."""

from __future__ import annotations

import pytest

from tests.predict.trained import Trained, train, write_table


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A classification of a CSV with numbers, categories, dates and missing values; the CSV lies beside `runs`."""
    work = tmp_path_factory.mktemp("people")
    write_table(work / "table.csv")
    return train(
        work, "dataset=csv", f"dataset.path={work / 'table.csv'}", "dataset.target=kind", "dataset.drop=[price,id]"
    )


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A regression of the same table, by an ensemble."""
    work = tmp_path_factory.mktemp("prices")
    write_table(work / "table.csv")
    words = ("dataset.target=price", "dataset.drop=[kind,id]", "regularizer=[bagging,batch_norm]")
    return train(work, "dataset=csv", f"dataset.path={work / 'table.csv'}", *words)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Images of digits."""
    return train(tmp_path_factory.mktemp("digits"), "dataset=digits_image", "model=cnn", "model.channels=[4,8]")
