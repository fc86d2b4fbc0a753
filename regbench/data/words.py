"""Texts as numbers: the words of the training rows, and how often or in which order each text has them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.memory import refuse_too_big
from regbench.data.records import Floats, Texts
from regbench.errors import ConfigError
from regbench.formatting import count_noun

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

TOKEN_PATTERN = r"(?u)\w+|[^\w\s]"
"""What a word is: letters and digits side by side, or one other character that is not a space."""

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Numbers of tokens: no word, a word that is not in the vocabulary, the most frequent word."""

FITTING = 0.95
"""Share of the training rows that fit into the length of a row of tokens, where it is not given."""


@dataclass(frozen=True)
class TextColumn:
    """A column of texts.

    `words` are those of the training rows, from the most frequent one (equally frequent ones by their spelling), of
    `seen` different ones in all. `kind` says what a text becomes: `tokens`, the numbers `[length]` of its words in
    their order; `counts`, how often it has each word; or `tfidf`, the counts times `idf`, scaled to length 1.
    """

    name: str
    kind: str
    words: tuple[str, ...]
    seen: int
    idf: tuple[float, ...] = ()
    length: int = 0

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        if self.kind == "tokens":
            return tuple(f"{self.name}[{place}]" for place in range(self.length))
        return tuple(f"{self.name}: {word}" for word in self.words)

    def describe(self) -> str:
        """Say in words what a text becomes."""
        words = f"{len(self.words)} of {count_noun(self.seen, 'word')}"
        if self.kind == "tokens":
            return f"at most {self.length} tokens, numbers of {words}"
        return f"{'tf-idf' if self.kind == 'tfidf' else 'counts'} of {words}"

    def encode(self, column: Texts) -> Floats:
        """Return the texts as numbers `[N, length]` or `[N, words]`; words that training had not count as unknown."""
        if self.kind == "tokens":
            return self._number_words(column)
        counts = self._counter.transform(column.texts)
        if self.kind == "tfidf":
            from sklearn.preprocessing import normalize

            counts = normalize(counts.multiply(np.array(self.idf)).tocsr())
        dense: Floats = counts.toarray()
        return dense

    def count_unknown(self, column: Texts) -> int:
        """Return how many of the texts have none of the words."""
        return int((self._counter.transform(column.texts).getnnz(axis=1) == 0).sum())

    @cached_property
    def _counter(self) -> CountVectorizer:
        return _make_counter(vocabulary={word: place for place, word in enumerate(self.words)})

    def _number_words(self, column: Texts) -> Floats:
        numbers, split = self._counter.vocabulary, self._counter.build_analyzer()
        tokens = np.full((len(column.texts), self.length), float(PADDING))
        for row, text in zip(tokens, column.texts, strict=True):
            known = [numbers.get(word, UNKNOWN - FIRST) + FIRST for word in split(text)[: self.length]]
            row[: len(known)] = known
        return tokens


def fit_texts(column: Texts, train: NDArray[np.int64], origin: str) -> TextColumn:
    """Fit the words of a column, and what else its rule asks for, on the training rows.

    Raises:
        ConfigError: the training rows have no word, or the encoded texts of all rows do not fit into memory.
    """
    rule, counter = column.rule, _make_counter()
    try:
        counts = counter.fit_transform(column.take(train).texts)
    except ValueError:  # an empty vocabulary
        raise ConfigError(f"{origin}: column {column.name!r} has no word in the training rows") from None
    names, frequency = counter.get_feature_names_out(), np.asarray(counts.sum(axis=0)).reshape(-1)
    chosen = np.lexsort((names.astype(str), -frequency))[: rule.max_features]
    words = tuple(names[chosen].tolist())
    if rule.features == "tokens":
        length = rule.length or _choose_length(counts)
        fitted = TextColumn(column.name, rule.features, words, len(names), length=length)
    elif rule.features == "tfidf":
        fitted = TextColumn(column.name, rule.features, words, len(names), idf=_fit_idf(counts[:, chosen]))
    else:
        fitted = TextColumn(column.name, rule.features, words, len(names))
    smaller = "length" if rule.features == "tokens" else "max_features"
    refuse_too_big((len(column.texts), len(fitted.features)), origin, f"set a smaller dataset.{smaller}")
    return fitted


def _fit_idf(counts: Any) -> tuple[float, ...]:
    """Return ln((1 + N) / (1 + n)) + 1 for each word, of which n of N texts have it."""
    from sklearn.feature_extraction.text import TfidfTransformer

    return tuple(TfidfTransformer().fit(counts).idf_.tolist())


def _choose_length(counts: Any) -> int:
    """Return the smallest length that is enough for 95 % of the texts, 1 at least."""
    lengths = np.asarray(counts.sum(axis=1)).reshape(-1)
    return max(1, int(np.quantile(lengths, FITTING, method="inverted_cdf")))


def _make_counter(vocabulary: dict[str, int] | None = None) -> CountVectorizer:
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(lowercase=True, token_pattern=TOKEN_PATTERN, vocabulary=vocabulary, dtype=np.float64)
