"""Words that stand beside numbers in tables or in place of them, all in small letters."""

from __future__ import annotations

MARKERS = frozenset((
    "?", "-", "--", "---", "–", "—", ".", "..", "*", "n/a", "na", "n.a.", "nan", "null", "nil", "none",
    "missing", "unknown", "unk", "undefined", "tbd", "#n/a", "#na", "#value!", "#ref!", "#div/0!", "#name?",
    "#num!", "#null!", "inf", "-inf", "infinity", "(missing)", "(null)", "<na>", "nat", "k.a.", "not available",
    "no data"
))  # fmt: skip
"""Texts that stand for a missing value in files of others."""

MONEY = frozenset((
    "usd", "eur", "gbp", "chf", "jpy", "cny", "inr", "aud", "cad", "sek", "nok", "dkk", "pln", "brl", "mxn",
    "krw", "us$", "a$", "c$", "r$", "hk$", "rs", "rs.", "kr", "kr.", "fr.", "zł", "dm", "euro", "dollars"
))  # fmt: skip
"""Words of money, besides every character that Unicode calls a currency symbol."""

UNITS = frozenset((
    "kg", "mg", "lb", "lbs", "oz", "km", "cm", "mm", "µm", "nm", "mi", "miles", "mile", "ft", "inch", "inches",
    "yd", "ml", "cl", "hr", "hrs", "hours", "min", "mins", "minutes", "sec", "ms", "days", "day", "weeks",
    "months", "month", "years", "year", "yrs", "yr", "°c", "°f", "°", "mv", "kv", "kw", "mw", "kwh", "wh", "ah",
    "mah", "ma", "hz", "khz", "mhz", "ghz", "kb", "mb", "gb", "tb", "mph", "km/h", "kmh", "kmph", "kmpl", "bhp",
    "hp", "ps", "cc", "rpm", "km/kg", "pa", "kpa", "bar", "psi", "px", "pt", "mg/l", "mg/dl", "mmol/l", "sqft",
    "sqm", "m2", "m²", "m3", "m³", "ha", "acres", "ppm", "db", "%", "hundred", "thousand", "thousands", "million",
    "millions", "billion", "billions", "trillion", "trillions"
))  # fmt: skip
"""Units that make numbers of a column even where it has few distinct ones."""

SHORT_UNITS = frozenset(("g", "m", "l", "t", "s", "h", "V", "W"))
"""Letters that are units, written so, where a space stands before them: `5 g`, but not `5G`."""

MAGNITUDES = frozenset((
    "k", "m", "b", "mn", "bn", "mio", "mrd", "", "hundred", "thousand", "thousands", "million", "millions",
    "billion", "billions", "trillion", "trillions"
))  # fmt: skip
"""Letters and words that multiply, and none."""
