"""Options and output functions that all commands of the command line share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter, validators
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ledger.kernel import Actor

Url = Annotated[
    str,
    Parameter(
        name="--ledger", env_var="LEDGER_URL", help="sqlite:///file.db or sqlite:////srv/file.db"
    ),
]
Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))]
Json = Annotated[bool, Parameter(name="--json", negative="", help="print JSON, for programs")]

DEFAULT_URL = "sqlite:///ledger.db"

#: The actor of commands that are run at a terminal.
OPERATOR = Actor(unit_id="LEDGER", person_id="operator", role="ledger_clock")

#: The exit code if nothing is wrong but not everything could be checked.
INCOMPLETE = 3

#: Characters that could control a terminal or reorder text, and how they are shown instead: control
#: characters except newline and tab, and those that change the direction of writing.
_ESCAPED = {
    number: f"\\u{number:04x}"
    for number in (
        *(n for n in range(0x20) if chr(n) not in "\n\t"),
        *range(0x7F, 0xA0),
        *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}


class _Plain(Console):
    """A console that shows others' text literally: the text cannot set styles or control it."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(text.translate(_ESCAPED), **how)


_out = _Plain(markup=False, emoji=False)
_err = _Plain(stderr=True, markup=False, emoji=False)


def tolerate() -> None:
    """Show characters that the terminal's encoding lacks by their number, instead of failing.

    Question marks are not used for them: our output uses that mark. A closed standard stream is
    opened on the null device; otherwise the next opened file would get its number, and our output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Failed(Exception):
    """Raised after a command has printed what is wrong; the exit code is 1."""


def say(line: str, style: str | None = None) -> None:
    """Print a message for the user, not a result, on standard error."""
    if line:
        _err.print(line, style=style, highlight=False, soft_wrap=True)


def tell(line: str, style: str | None = None) -> None:
    """Print a line of a result."""
    _out.print(line, style=style, highlight=False, soft_wrap=True)


@contextmanager
def bar(label: str, total: int | None, *, silent: bool = False) -> Iterator[Any]:
    """Show a progress bar on a terminal; yield a function that takes progress and a label."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_err, disable=silent or not _err.is_terminal) as progress:
        task = progress.add_task(label, total=total)

        def advance(done: int, label: str = label, total: int | None = total) -> None:
            progress.update(task, completed=done, description=label, total=total)

        yield advance
        progress.update(task, completed=progress.tasks[0].total or progress.tasks[0].completed)


def show(result: Any, as_json: bool) -> None:
    """Print a result: a mapping or a list of mappings."""
    if as_json:
        sys.stdout.flush()
        text = msgspec.json.format(msgspec.json.encode(result)).decode().translate(_ESCAPED)
        sys.stdout.buffer.write(text.encode() + b"\n")
        sys.stdout.buffer.flush()
        return
    if isinstance(result, list):
        table = Table()
        for column in result[0] if result else ("nothing",):
            table.add_column(column, overflow="fold")
        for row in result:
            table.add_row(*("" if v is None else str(v) for v in row.values()))
        _out.print(table)
        return
    table = Table(show_header=False)
    for key, value in result.items():
        lines = value.items() if isinstance(value, dict) else ()
        table.add_row(str(key), "\n".join(f"{k}: {v}" for k, v in lines) or str(value))
    _out.print(table)
