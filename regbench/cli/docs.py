"""`regbench docs`: all cards as one static site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regbench.cli.words import Words
from regbench.errors import ConfigError, escape

FOLDER = "docs/site"
USAGE = "usage: regbench docs [FOLDER] [--open]"

HELP = f"""\
{USAGE}

  FOLDER   where index.html is written; without it {FOLDER}
  --open   show the page in the browser

The cards of everything that can be chosen, a person's own and those of installed packages too, on one page with an
index and a search. It needs no network. To write it needs jinja2: pip install 'regbench[report]'

exit codes: 0 written, 2 refused
"""


def docs(words: Sequence[str]) -> int:
    """Write the site and print the path of its page.

    Raises:
        ConfigError: a word or the folder cannot be used, or jinja2 is missing.
    """
    if words and words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    parser = Words("docs", USAGE, add_help=False, allow_abbrev=False)
    parser.add_argument("folder", nargs="?", default=FOLDER)
    parser.add_argument("--open", action="store_true")
    given = parser.parse_intermixed_args(words)
    if not given.folder:
        raise ConfigError("'' is not a folder; name the one to write the page into")

    from regbench.report.site import write_site

    path = write_site(Path(given.folder))
    print(escape(str(path)))
    if given.open:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())
    return 0
