"""Docstrings as text of cards: labelled paragraphs apart, the rest as paragraphs, formulas and lists."""

from __future__ import annotations

from regbench.cards.docstring import Block, Told, read_docstring, refill, split_blocks

DOCSTRING = """What
    it is.

        a = b
          c = d

    - one
    - two

    When: small data,
    and not otherwise.

    Other libraries: X calls it y.

    Source: Me (2020),
    eq. 3.
    """


def test_labelled_paragraphs_stand_apart_in_one_line_each() -> None:
    told = read_docstring(DOCSTRING)
    assert (told.when, told.others, told.source) == (
        "small data, and not otherwise.",
        "X calls it y.",
        "Me (2020), eq. 3.",
    )
    assert told.body == "What\nit is.\n\n    a = b\n      c = d\n\n- one\n- two"


def test_paragraphs_are_refilled_and_formulas_and_lists_keep_their_lines() -> None:
    assert refill(read_docstring(DOCSTRING).body) == [
        "What it is.", "", "    a = b", "      c = d", "", "- one", "- two",
    ]  # fmt: skip


def test_blocks_are_what_a_page_marks_up() -> None:
    assert split_blocks(read_docstring(DOCSTRING).body) == (
        Block("paragraph", ("What it is.",)),
        Block("formula", ("a = b", "  c = d")),
        Block("list", ("one", "two")),
    )


def test_a_label_inside_a_paragraph_is_no_label_and_a_missing_docstring_is_empty() -> None:
    assert read_docstring("As published. Source: Me.\nWhenever: never.") == Told(
        body="As published. Source: Me.\nWhenever: never."
    )
    assert read_docstring("") == Told()
