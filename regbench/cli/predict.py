"""`regbench predict FOLDER ROWS`: what a trained run says about new rows, as CSV."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from regbench.cli.words import Words
from regbench.errors import ConfigError, escape

HELP = """\
usage: regbench predict FOLDER ROWS [-o OUT] [--force]

  FOLDER     a complete run, runs/NAME/RUN
  ROWS       a CSV or Parquet file with the columns of training, whatever their order; or an .npz file whose array x
             has the shape and unit of training; or a file of the kind that was trained on: .arff or .dat (KEEL), .svm,
             .ts, .tsv or .txt (series). The target and dropped columns may be there, and are ignored
  -o OUT     the CSV file to write; without it, or with -, the rows go to standard output
  --force    replace OUT if it exists

One line for each row, in their order: the class and a probability for each class, or the predicted number in its own
unit; a number for each of several targets, 0 or 1 and a probability for each label. A missing number counts as the
median of the training rows; a category that no training row had counts as none of them. Such rows are reported, and so
are texts without a word of training.
"""


def predict(words: Sequence[str]) -> int:
    """Predict the rows of a file and write the table.

    Raises:
        ConfigError: a word, the folder, the rows or the place to write cannot be used; nothing was written.
    """
    if words and words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    parser = Words("predict", "usage: regbench predict FOLDER ROWS [-o OUT] [--force]", add_help=False)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("rows", metavar="ROWS")
    parser.add_argument("-o", dest="out", default="-")
    parser.add_argument("--force", action="store_true")
    given = parser.parse_args(words)
    out = None if given.out == "-" else check_output(given.out, given.force)

    from regbench.data.row_files import read_rows
    from regbench.runs.load_model import load_model

    with printed_warnings():
        model = load_model(given.folder)
        table = model.predict(read_rows(given.rows, model.preprocessing), escape(given.rows))
    text = table.to_csv(index=False)
    if out is None:
        sys.stdout.write(text)
        return 0
    from regbench.store import durable

    durable.replace(out, text.encode())
    print(f"{len(table)} rows in {escape(str(out))}")
    return 0


def check_output(name: str, force: bool) -> Path:
    """Return the path of a file to be written.

    Raises:
        ConfigError: it exists and is not to be replaced, or its folder does not.
    """
    path = Path(name)
    shown = escape(name) or "''"
    try:
        if path.is_dir() or not name:
            raise ConfigError(f"{shown} is a folder; name the file to write")
        if path.exists() and not force:
            raise ConfigError(f"{shown} exists; add --force to replace it, or name another")
        if not path.parent.is_dir():
            raise ConfigError(f"{shown}: there is no folder {escape(str(path.parent))}")
    except (OSError, ValueError) as error:  # a name too long; a folder that may not be searched; a zero byte
        raise ConfigError(f"{shown} cannot be written: {error}") from error
    return path


@contextmanager
def printed_warnings() -> Iterator[None]:
    """Print what a model warns of as lines on the error stream, unless it refuses."""
    from regbench.runs.trained_model import PredictionWarning

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", PredictionWarning)
        yield
    for warning in told:
        print(f"regbench: warning: {warning.message}", file=sys.stderr)
