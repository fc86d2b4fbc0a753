"""Texts: words, counts, tf-idf and tokens against scikit-learn and counts by hand; no fit sees held-out rows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from regbench.data import load, memory
from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.preprocessing import Preprocessing
from regbench.data.profile import profile
from regbench.data.records import FREE, TEST, VAL, Split, TextRule, Texts
from regbench.data.words import TextColumn, fit_texts
from regbench.errors import ConfigError

SENTENCES = ("the cat sat", "The dog sat, twice!", "a cat", "the the the bird", "")
PATTERN = r"(?u)\w+|[^\w\s]"
WORDS = ("apple", "banana", "cherry", "plum", "pear", "fig", "Éclair", "naïve", "don't", "42")


def make_texts(rows: int, seed: int = 0) -> list[str]:
    """Draw texts of up to 12 words, the first ones more often than the last."""
    random = np.random.default_rng(seed)
    chance = 1.0 / np.arange(1, len(WORDS) + 1)
    return [" ".join(random.choice(WORDS, size=random.integers(1, 13), p=chance / chance.sum())) for _ in range(rows)]


def write(path: Path, texts: list[str], target: str = "label") -> dict[str, Any]:
    """Write a TSV file and return the settings that read it."""
    lines = [f"{target}\ttext", *(f"{'ab'[place % 2]}\t{text}" for place, text in enumerate(texts))]
    path.write_text("\n".join(lines) + "\n")
    return {"name": "text", "path": str(path), "target": target}


def fit(*texts: str, **rule: Any) -> TextColumn:
    return fit_texts(Texts("text", texts, TextRule(**rule)), np.arange(len(texts)), "here")


def encode(fitted: TextColumn, *texts: str) -> np.ndarray:
    return fitted.encode(Texts("text", texts))


def refusal(options: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as refused:
        load(options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


class TestWords:
    def test_are_ordered_by_frequency_and_then_by_spelling(self) -> None:
        fitted = fit(*SENTENCES)
        assert fitted.words == ("the", "cat", "sat", "!", ",", "a", "bird", "dog", "twice")
        assert fitted.seen == 9
        assert fit(*SENTENCES, max_features=2).words == ("the", "cat")

    def test_counts_are_those_of_the_text(self) -> None:
        fitted = fit(*SENTENCES, features="counts")
        assert encode(fitted, "the the CAT, unknown", "").tolist() == [[2, 1, 0, 0, 1, 0, 0, 0, 0], [0.0] * 9]
        assert fitted.features[:2] == ("text: the", "text: cat")

    @pytest.mark.parametrize("most", [3, 10_000])
    def test_tfidf_is_that_of_scikit_learn(self, most: int) -> None:
        texts, new = make_texts(80), make_texts(20, seed=1)
        fitted = fit(*texts, max_features=most)
        oracle = TfidfVectorizer(token_pattern=PATTERN, vocabulary=list(fitted.words)).fit(texts)
        np.testing.assert_allclose(encode(fitted, *new), oracle.transform(new).toarray(), rtol=1e-12)
        assert set(fitted.words) <= set(TfidfVectorizer(token_pattern=PATTERN).fit(texts).get_feature_names_out())

    def test_tokens_are_numbers_by_rank_cut_and_padded_at_the_end(self) -> None:
        fitted = fit(*SENTENCES, features="tokens", length=4, max_features=3)
        found = encode(fitted, "sat the zebra", "the cat sat the cat", "")
        assert found.tolist() == [[4, 2, 1, 0], [2, 3, 4, 2], [0, 0, 0, 0]]

    def test_the_length_fits_95_of_100_training_rows(self) -> None:
        texts = [" ".join(["word"] * length) for length in range(1, 101)]
        assert fit(*texts, features="tokens").length == 95
        assert fit("a", "", features="tokens").length == 1

    def test_a_model_that_is_read_back_encodes_alike(self) -> None:
        texts, new = make_texts(30), Texts("text", tuple(make_texts(9, seed=1)))
        for features in ("tfidf", "counts", "tokens"):
            columns = (fit(*texts, features=features),)
            known = Preprocessing(task="classification", layout="table", shape=(3,), columns=columns)
            again = Preprocessing.from_json(json.loads(json.dumps(known.to_json())))
            assert again == known
            assert np.array_equal(again.apply((new,)), known.apply((new,)))

    def test_texts_without_any_word_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="here: column 'text' has no word in the training rows"):
            fit("", " ")

    def test_what_memory_does_not_hold_is_refused_before_it_is_made(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory, "available_memory", lambda: 400)
        monkeypatch.setattr(TextColumn, "encode", lambda *_: pytest.fail("encoded"))
        with pytest.raises(ConfigError, match=r"here: 5 x 9 values take .*; set a smaller dataset.max_features"):
            fit(*SENTENCES)
        with pytest.raises(ConfigError, match=r"5 x 1,000 values take .*; set a smaller dataset.length"):
            fit(*SENTENCES, features="tokens", length=1000)


class TestHeldOutRows:
    """Changing them changes nothing that is fitted, and no prepared training row."""

    @staticmethod
    def change_held_out(path: Path, **options: Any) -> tuple[Split, Split]:
        settings = write(path, make_texts(60)) | {"split": {"duplicates": "apart"}} | options
        dataset = build_dataset(settings)
        raw = dataset.read()
        before = prepare(dataset, raw)
        trained = {row.tobytes() for row in before.train.x}
        (column,) = raw.x
        assert isinstance(column, Texts)
        encoded = before.preprocessing.apply((column,))
        changed = tuple(
            text if row.tobytes() in trained else f"{text} apple brandnew {place}"
            for place, (text, row) in enumerate(zip(column.texts, encoded, strict=True))
        )
        assert changed != column.texts
        return before, prepare(dataset, dataclasses.replace(raw, x=(dataclasses.replace(column, texts=changed),)))

    @pytest.mark.parametrize("features", ["tfidf", "counts", "tokens"])
    def test_vocabulary_idf_and_length_see_training_rows_only(self, tmp_path: Path, features: str) -> None:
        before, after = self.change_held_out(tmp_path / "a.tsv", features=features)
        assert np.array_equal(before.train.x, after.train.x)
        assert before.preprocessing == after.preprocessing
        assert not np.array_equal(before.test.x, after.test.x)
        assert before.checksum != after.checksum

    def test_so_do_means_and_deviations(self, tmp_path: Path) -> None:
        before, after = self.change_held_out(tmp_path / "a.tsv", features="counts", standardize=True)
        assert np.array_equal(before.train.x, after.train.x)
        assert before.preprocessing == after.preprocessing


class TestTable:
    def test_the_column_of_texts_is_all_that_is_learned_from(self, tmp_path: Path) -> None:
        rows = "".join(f'{place},"one, two {place % 7}",{"xy"[place % 2]},{place}\n' for place in range(40))
        (tmp_path / "a.csv").write_text("number,words,kind,price\n" + rows)
        options = {"name": "text", "path": str(tmp_path / "a.csv"), "target": "kind", "text_column": "words"}
        split = load(options)
        assert split.features[:3] == ("words: ,", "words: one", "words: two")
        assert split.reading.left_out["price"] == "not dataset.text_column"
        assert split.reading.columns[0].read_as == "tf-idf of 10 of 10 words"
        assert (split.layout, split.classes) == ("table", ("x", "y"))

    def test_a_test_file_keeps_its_rows_apart(self, tmp_path: Path) -> None:
        options = write(tmp_path / "train.tsv", make_texts(40)) | {"features": "counts"}
        write(tmp_path / "test.tsv", ["apple unheard"] * 6)
        split = load(options | {"test_path": str(tmp_path / "test.tsv")})
        assert split.test.x.sum(axis=1).tolist() == [1.0] * 6
        assert len(split.train.y) + len(split.val.y) == 40

    def test_texts_that_look_like_numbers_stay_texts(self, tmp_path: Path) -> None:
        options = write(tmp_path / "a.tsv", [f"{place % 3:03}" for place in range(30)])
        names = load(options | {"split": {"duplicates": "apart"}}).features
        assert set(names) == {"text: 000", "text: 001", "text: 002"}

    def test_tokens_have_a_layout_of_their_own(self, tmp_path: Path) -> None:
        split = load(write(tmp_path / "a.tsv", make_texts(40)) | {"features": "tokens", "length": 5})
        assert (split.layout, split.train.x.shape[1:]) == ("tokens", (5,))
        assert set(np.unique(split.train.x)) <= set(range(2 + len(WORDS) + 9))

    def test_equal_texts_are_in_one_part(self, tmp_path: Path) -> None:
        texts = make_texts(60)
        split = load(write(tmp_path / "a.tsv", [*texts, *texts]) | {"features": "counts"})
        rows = [{row.tobytes() for row in part.x} for part in (split.train, split.test)]
        assert any("repeat another" in note for note in split.reading.notes)
        assert len(rows[1]) < len(split.test.x)

    def test_a_profile_tells_of_the_texts(self, tmp_path: Path) -> None:
        found = profile(build_dataset(write(tmp_path / "a.tsv", make_texts(40))))
        assert (found.columns[0].kind, found.columns[0].alone) == ("text", None)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"text_column": "txet"}, "dataset.text_column=txet: no such column"),
            ({"target": ""}, "dataset.target is required for a table"),
            ({"target": "lable"}, "dataset.target=lable: no such column"),
            ({"path": "nowhere.tsv"}, "dataset.path=nowhere.tsv: no such file"),
            ({"features": "tokens", "standardize": True}, "dataset.standardize=true is not allowed"),
            ({"length": 3}, "dataset.length=3 has no effect with dataset.features=tfidf"),
            ({"max_features": 0}, "dataset.max_features=0 is not allowed"),
        ],
    )
    def test_settings_that_do_not_fit_are_refused(self, tmp_path: Path, change: dict[str, Any], message: str) -> None:
        assert message in refusal(write(tmp_path / "a.tsv", make_texts(30)) | change)


class TestFolder:
    @staticmethod
    def make(folder: Path) -> Path:
        for part, rows in (("train", 20), ("val", 4), ("test", 6)):
            for place in range(rows):
                file = folder / part / ("ham", "spam")[place % 2] / f"{place:02}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{part} {'buy now' if place % 2 else 'dear friend'} {place}")
        return folder

    def test_classes_parts_and_texts_are_those_of_the_files(self, tmp_path: Path) -> None:
        raw = build_dataset({"name": "text", "path": str(self.make(tmp_path))}).read()
        assert raw.classes == ("ham", "spam")
        assert raw.roles is not None
        assert np.bincount(raw.roles, minlength=3)[[FREE, VAL, TEST]].tolist() == [20, 4, 6]
        (column,) = raw.x
        assert isinstance(column, Texts)
        assert (column.texts[0], column.texts[-1]) == ("train dear friend 0", "test buy now 5")

    def test_files_that_are_not_utf_8_are_named(self, tmp_path: Path) -> None:
        (self.make(tmp_path) / "train" / "ham" / "00.txt").write_bytes(b"caf\xe9")
        said = refusal({"name": "text", "path": str(tmp_path)})
        assert "train/ham/00.txt: byte 3 is not UTF-8" in said
        assert said.endswith("dataset.encoding=latin-1")

    @pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
    def test_files_are_read_in_the_encoding_that_is_given(self, tmp_path: Path, encoding: str) -> None:
        for place, file in enumerate(sorted(self.make(tmp_path).glob("*/*/*.txt"))):
            file.write_bytes(f"café {place % 3}".encode(encoding))
        (column,) = build_dataset({"name": "text", "path": str(tmp_path), "encoding": encoding}).read().x
        assert isinstance(column, Texts)
        assert set(column.texts) == {"café 0", "café 1", "café 2"}
        said = refusal({"name": "text", "path": str(tmp_path), "encoding": "latin-x"})
        assert said.startswith("dataset.encoding=latin-x is not known")

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("target", "label"),
            ("separator", ";"),
            ("quote", "'"),
            ("missing", ["NA"]),
            ("missing_target", "drop"),
            ("categories", ["text"]),
            ("dates", "day_first"),
            ("decimal", ","),
            ("thousands", "."),
            ("standardize_target", False),
        ],
    )
    def test_settings_of_tables_are_refused(self, tmp_path: Path, setting: str, value: object) -> None:
        options = {"name": "text", "path": str(self.make(tmp_path)), setting: value}
        assert f"dataset.{setting} has no effect with a folder" in refusal(options)

    def test_its_folders_are_classes(self, tmp_path: Path) -> None:
        options = {"name": "text", "path": str(self.make(tmp_path)), "task": "regression"}
        assert "dataset.task=regression is not allowed with a folder" in refusal(options)
