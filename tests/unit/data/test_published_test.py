"""A test part in files of its own: a search does not open them, and has the rows that it has with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from regbench.data.fingerprint import read_recorded
from regbench.data.search_split import has_published_test, list_parts, prepare_search, without_published_test
from regbench.errors import ConfigError
from tests.unit.data.study_sources import assert_equal_parts, make, make_frame, sources, table


def make_pipes(folder: Path) -> dict[str, dict[str, Any]]:
    """Return data sets whose test part is a pipe to which nobody writes."""
    lines = "".join(f"{'+1' if row % 3 else '-1'} 1:{row}.5 2:{row % 7}\n" for row in range(60))
    (folder / "rows.svm").write_text(lines)
    table(folder, "random")
    frame = pd.DataFrame({"text": [f"word{n % 9} and {n}" for n in range(60)], "y": np.resize(["a", "b"], 60)})
    frame.to_csv(folder / "texts.csv", index=False)
    head = "@relation r\n@attribute a real\n@attribute c {p,q}\n@data\n"
    (folder / "r-tra.dat").write_text(head + "".join(f"{n}.5,{'pq'[n % 2]}\n" for n in range(60)))
    series = "\n".join(f"{n % 2}\t" + "\t".join(str((n * k) % 11) for k in range(1, 7)) for n in range(60))
    (folder / "walk.tsv").write_text(series)
    (folder / "images").write_bytes(bytes.fromhex("00000803 00000032 00000002 00000002") + os.urandom(200))
    (folder / "labels").write_bytes(bytes.fromhex("00000801 00000032") + bytes(n % 2 for n in range(50)))
    for kind, suffix in (("photos", ".png"), ("mails", ".txt")):
        for part in ("train", "test"):
            for name in ("cat", "dog"):
                (folder / kind / part / name).mkdir(parents=True)
        os.mkfifo(folder / kind / "test" / "cat" / f"0{suffix}")
    for number in range(30):
        for name in ("cat", "dog"):
            image = Image.new("L", (3, 3), number + 100 * (name == "cat"))
            image.save(folder / "photos" / "train" / name / f"{number}.png")
            (folder / "mails" / "train" / name / f"{number}.txt").write_text(f"{name} {number}")
    os.mkfifo(folder / "pipe")
    pipe = str(folder / "pipe")
    return {
        "csv": {"path": str(folder / "rows.csv"), "target": "y", "weight": "weight", "test_path": pipe},
        "libsvm": {"path": str(folder / "rows.svm"), "test_path": pipe},
        "keel": {"path": str(folder / "r-tra.dat"), "test_path": pipe},
        "series": {"path": str(folder / "walk.tsv"), "test_path": pipe},
        "idx": {
            "train_images": str(folder / "images"),
            "train_labels": str(folder / "labels"),
            "test_images": pipe,
            "test_labels": pipe,
        },
        "image_folder": {"path": str(folder / "photos"), "channels": "grey"},
        "text": {"path": str(folder / "texts.csv"), "target": "y", "test_path": pipe},
        "text ": {"path": str(folder / "mails")},
    }


def test_a_published_test_file_is_not_opened(tmp_path: Path) -> None:
    for name, values in make_pipes(tmp_path).items():
        dataset = make(name.strip(), {}, **values)
        assert has_published_test(dataset)
        searched = without_published_test(dataset)
        assert searched is not None
        split, files = read_recorded(searched, lambda own=searched: prepare_search(own, own.read()))
        assert files is not None
        for tested in dataset.published_test():
            assert not any(Path(tested).is_relative_to(file.path) for file in files)
        assert len(split.test.y) == 0
        rows = sum(split.reading.rows.values())
        assert rows == len(searched.read().y)
        assert split.reading.rows["validation"] == -(-rows // (10 if name == "idx" else 5)), (
            "no fifth is cut for a test"
        )


def test_rows_are_those_that_a_run_has_with_the_published_test_part(tmp_path: Path) -> None:
    frame = make_frame().drop(columns=["part", "day", "patient", "weight"])
    frame[:180].to_csv(tmp_path / "train.csv", index=False)
    frame[180:].to_csv(tmp_path / "test.csv", index=False)
    paths = {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv")}
    for rule in ({"method": "given", "val_seed": 5}, {"seed": 2}):
        dataset = make("csv", rule, target="y", **paths)
        searched = without_published_test(dataset)
        assert searched is not None
        search, run = (prepare_search(own, own.read()) for own in (searched, dataset))
        assert_equal_parts(search.train, run.train)
        assert_equal_parts(search.val, run.val)
        assert search.checksum == run.checksum
        one, two = (list_parts(own, own.read()) for own in (searched, dataset))
        assert np.array_equal(one.val, two.val)
        assert (len(one.test), len(two.test)) == (0, 60)
        assert searched.files() == (paths["path"],)


def test_a_published_test_part_goes_with_no_cut_of_another(tmp_path: Path) -> None:
    table(tmp_path, "random")
    values = {"path": str(tmp_path / "rows.csv"), "target": "y", "test_path": str(tmp_path / "absent.csv")}
    for rule, said in (({"method": "folds"}, "has parts of its own"), ({"test": 0.3}, "has a test part of its own,")):
        searched = without_published_test(make("csv", rule, **values))
        assert searched is not None
        with pytest.raises(ConfigError, match=said):
            list_parts(searched, searched.read())


def test_a_source_without_a_test_file_says_so(tmp_path: Path) -> None:
    for name, dataset in sources(tmp_path).items():
        assert without_published_test(dataset) is None
        assert not has_published_test(dataset)
        own = name in ("table, given", "images in parts", "mnist1d")
        assert has_published_test(dataset, dataset.read()) is own
