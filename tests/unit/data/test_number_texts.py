"""Numbers in texts: how a column writes them is decided for the whole column, and nothing is read in two ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.data.number_texts import NumberForm, UnreadNumber, read_in_form, read_number_texts

READ = {
    "currency before": (["$12.50", "$1,234.50", "$0.99"], [12.5, 1234.5, 0.99]),
    "currency after": (["12,50 €", "1.234,50 €"], [12.5, 1234.5]),
    "a code of a currency": (["EUR 5", "EUR 7.5"], [5.0, 7.5]),
    "percent": (["5 %", "7.5%"], [5.0, 7.5]),
    "brackets": (["(5.1)", "3", "(0.2)"], [-5.1, 3.0, -0.2]),
    "brackets after a currency": (["$(5.10)", "$3", "(4) $"], [-5.1, 3.0, -4.0]),
    "a currency in brackets": (["($5.10)", "$3"], [-5.1, 3.0]),
    "comma between thousands": (["1,234,567.8", "12"], [1234567.8, 12.0]),
    "point between thousands": (["1.234.567,8", "12"], [1234567.8, 12.0]),
    "no-break space between thousands": (["1\u00a0234\u00a0567", "12"], [1234567.0, 12.0]),
    "thin space between thousands": (["1\u2009234,5", "12"], [1234.5, 12.0]),
    "apostrophe between thousands": (["1'234", "5"], [1234.0, 5.0]),
    "Indian groups": (["12,34,567", "1"], [1234567.0, 1.0]),
    "decimal comma": (["1,5", "12,75"], [1.5, 12.75]),
    "Unicode minus": (["\u22125", "3"], [-5.0, 3.0]),
    "minus behind": (["5,000.00-", "4.5"], [-5000.0, 4.5]),
    "as a spreadsheet quotes it": (['="5"', '="7.5"'], [5.0, 7.5]),
    "spaces around": ([" 5 ", "7"], [5.0, 7.0]),
    "a unit": (["12 kg", "5.5kg"], [12.0, 5.5]),
    "exponents": (["1e5", "2.5E-3"], [1e5, 2.5e-3]),
    "zero without the unit": (["0", "5 kg", "7 kg"], [0.0, 5.0, 7.0]),
}


@pytest.mark.parametrize("case", READ)
def test_numbers_with_signs_are_read(case: str) -> None:
    texts, values = READ[case]
    for order in (texts, texts[::-1]):
        found = read_number_texts(order)
        assert found is not None
        np.testing.assert_allclose(found.values, values if order is texts else values[::-1], rtol=1e-15)


@pytest.mark.parametrize(
    "texts",
    [
        ["007", "123"],
        ["01234", "99999"],
        ["1", "2", "3+"],
        ["A1", "A2"],
        ["10B", "12B"],
        ["red", "blue"],
        ["10-20", "20-30"],
        ["12:30", "13:45"],
        ["12:30", "13:30"],
        ["1/2", "3/2"],
        ["1.0.2", "1.1.0", "2"],
        ["192.168.1.1", "10.0.0.1"],
        ["10A", "12B"],
        ["9007199254740992", "9007199254740993"],
        ["1.5", "abc"],
        ["+49 30 123456", "call me"],
    ],
)
def test_names_stay_names(texts: list[str]) -> None:
    assert read_number_texts(texts) is None


MANY = [f"{number}.5" for number in range(50)]


@pytest.mark.parametrize(
    ("texts", "cell"),
    [
        (["?", *MANY], "?"),
        ([*MANY, "NA"], "NA"),
        (["1", "2", "n/a"], "n/a"),
        (["nan", "1.5"], "nan"),
        ([*MANY, "about 5"], "about 5"),
        (["$5", "€5"], "€5"),
        (["5 kg", "5 lb"], "5 lb"),
        (["5%", "5"], "5"),
        (["1.2K", "3M"], "3M"),
        (["1,234", "5,678"], "1,234"),
        (["5 kg", "500 g", "0.3 kg"], "500 g"),
        (["5%", "0.05"], "0.05"),
        (["0", "5", "7 kg"], "7 kg"),
        (["0.00", "$0", "2"], "$0"),
        ([*MANY, "1.2.3"], "1.2.3"),
        (["9" * 400, "1"], "9" * 400),
    ],
)
def test_what_may_be_misread_is_refused_by_its_cell(texts: list[str], cell: str) -> None:
    with pytest.raises(UnreadNumber) as refused:
        read_number_texts(texts)
    assert refused.value.text == cell


@pytest.mark.parametrize(
    ("decimal", "thousands", "value"), [(",", None, 1.234), (".", None, 1234.0), (None, ",", 1234.0)]
)
def test_a_comma_means_what_the_person_says(decimal: str | None, thousands: str | None, value: float) -> None:
    found = read_number_texts(["1,234"], decimal, thousands)
    assert found is not None
    assert found.values.tolist() == [value]


@given(st.lists(st.integers(-(10**9), 10**9).map(lambda cents: cents / 100), min_size=2, max_size=30, unique=True))
def test_every_form_reads_back_what_was_written(numbers: list[float]) -> None:
    anchor = [0.5, 1234.25]  # texts that only one reading fits
    forms = {
        "${:,.2f}": lambda text: text.replace("$-", "-$"),
        "{:,.2f} €": lambda text: text.translate(str.maketrans(",.", ".,")),
        "{:.2f}%": lambda text: text,
        "{:,.2f}": lambda text: text.replace(",", "\u202f"),
    }
    for pattern, change in forms.items():
        found = read_number_texts([change(pattern.format(number)) for number in [*anchor, *numbers]])
        assert found is not None
        assert found.values.tolist() == [*anchor, *numbers]


def test_new_texts_are_read_as_those_of_training_were() -> None:
    found = read_number_texts(["$1,234.50", "$2"])
    assert found is not None
    assert read_in_form("$3,000", found.form) == 3000.0
    assert read_in_form("€3,000", found.form) is None
    assert read_in_form("1,5", NumberForm(decimal=",")) == 1.5
    assert read_in_form("many", NumberForm()) is None


def test_what_a_person_says_of_commas_and_points_is_obeyed() -> None:
    texts = ["1.234", "5.678"]
    for decimal, thousands, values in (
        (None, None, [1.234, 5.678]),
        (",", None, [1234, 5678]),
        (None, ".", [1234, 5678]),
    ):
        found = read_number_texts(texts, decimal, thousands)
        assert found is not None
        assert found.values.tolist() == values
    spaced = read_number_texts(
        ["1,234", "5 678"], None, " "
    )  # a comma beside spaces between thousands is a decimal one
    assert spaced is not None
    assert spaced.values.tolist() == [1.234, 5678.0]
