"""Writing the page of whatever a folder holds: a study, a sweep or a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from regbench.errors import ConfigError, escape
from regbench.report.libraries import require_libraries
from regbench.report.page import Page, format_page
from regbench.report.run_page import make_run_page
from regbench.report.study_data import PLAN
from regbench.report.study_page import make_study_page
from regbench.report.sweep_page import make_sweep_page
from regbench.runs.saved_config import FILE as CONFIG
from regbench.store import durable
from regbench.studies.folders import read_statuses

PAGE = "report.html"


def write_page(folder: Path, out: Path | None = None, warn: Callable[[str], None] = lambda line: None) -> Path:
    """Write the page of a study, a sweep or a run, and return its path; nothing is trained.

    Args:
        folder: of a study, a sweep or a run.
        out: the file to write; None: `report.html` in the folder.
        warn: takes a line for each plan of a sweep that cannot be used.

    Raises:
        ConfigError: matplotlib or jinja2 is missing, the folder holds nothing to show, or the file cannot be written.
        RegbenchError: a file of the folder is damaged, or the disk refused.
    """
    require_libraries()
    content = format_page(make_page(folder, warn)).encode("utf-8", "backslashreplace")
    path = folder / PAGE if out is None else out
    durable.replace(path, content)
    return path


def make_page(folder: Path, warn: Callable[[str], None]) -> Page:
    """Return the page of whatever the folder holds.

    Raises:
        ConfigError: it holds nothing to show.
        RegbenchError: one of its files is damaged.
    """
    shown = escape(str(folder)) or "''"
    try:
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise ConfigError(f"{shown} {what}; name the folder of a study, a sweep or a run")
        if (folder / PLAN).is_file():
            return make_study_page(folder)
        if (folder / CONFIG).is_file():
            return make_run_page(folder)
    except (OSError, ValueError) as error:  # may not be searched; too long; a zero byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{shown} cannot be read: {reason}") from error
    return make_sweep_page(folder, read_statuses([str(folder)], warn), warn)
