"""`regbench report FOLDER`: the page of a study, a sweep or a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regbench.cli.words import Words
from regbench.display.warning import print_warning
from regbench.errors import ConfigError, escape

HELP = """\
usage: regbench report FOLDER [-o FILE] [--open]

  FOLDER   a study, a sweep, or one run; nothing is trained
  -o FILE  the file to write; without it FOLDER/report.html
  --open   show the page in the browser

One HTML file that needs no network: the verdict, all arms, and figures with captions and the numbers behind them.
It needs matplotlib and jinja2: pip install 'regbench[report]'

exit codes: 0 written, 2 refused
"""


def report(words: Sequence[str]) -> int:
    """Write the page and print its path.

    Raises:
        ConfigError: a word or the folder cannot be used, or the file cannot be written.
    """
    if words and words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    parser = Words("report", "usage: regbench report FOLDER [-o FILE] [--open]", add_help=False)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("-o", dest="out")
    parser.add_argument("--open", action="store_true")
    given = parser.parse_intermixed_args(words)
    if not given.folder:
        raise ConfigError("'' is not a folder; name that of a study, a sweep or a run")
    out = None if given.out is None else check_output(given.out)

    from regbench.report.write import write_page

    path = write_page(Path(given.folder), out, print_warning)
    print(escape(str(path)))
    if given.open:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())
    return 0


def check_output(name: str) -> Path:
    """Return the path of the page; an earlier page there is replaced, as it is in the folder itself.

    Raises:
        ConfigError: it is a folder, not a page, or its folder does not exist.
    """
    path, shown = Path(name), escape(name) or "''"
    try:
        if not name or path.is_dir():
            raise ConfigError(f"-o {shown} is a folder; name the file to write")
        if not path.parent.is_dir():
            raise ConfigError(f"-o {shown}: there is no folder {escape(str(path.parent))}")
        if path.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"-o {shown}: the page is HTML; name a file that ends in .html")
    except (OSError, ValueError) as error:  # a name too long; a folder that may not be searched; a zero byte
        raise ConfigError(f"-o {shown} cannot be written: {error}") from error
    return path
