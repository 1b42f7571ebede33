"""What every command of the command line says its options and its results with."""

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
Json = Annotated[bool, Parameter(name="--json", negative="", help="print JSON, for machines")]

DEFAULT_URL = "sqlite:///ledger.db"

#: Who acts when somebody at a terminal does.
OPERATOR = Actor(unit_id="LEDGER", person_id="operator", role="ledger_clock")

#: The exit code where nothing is wrong and not everything could be checked.
INCOMPLETE = 3

#: What makes a terminal do something, or show text in another order, by how it is shown instead:
#: control characters but newline and tab, and those that turn the direction of writing.
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
    """Shows what others wrote as it stands there: it can neither style itself nor act."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(text.translate(_ESCAPED), **how)


_out = _Plain(markup=False, emoji=False)
_err = _Plain(stderr=True, markup=False, emoji=False)


def tolerate() -> None:
    """Have what a terminal's encoding lacks shown by its number, instead of failing over it.

    Not by a question mark, which is a mark of ours. A standard file that is closed is opened on
    nothing: else the next file that is opened takes its number, and all that is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Failed(Exception):
    """The command has said what is wrong; the exit code is 1."""


def say(line: str, style: str | None = None) -> None:
    """Tell whoever started the command something, apart from its results: on standard error."""
    if line:
        _err.print(line, style=style, highlight=False, soft_wrap=True)


def tell(line: str, style: str | None = None) -> None:
    """Print a result in words."""
    _out.print(line, style=style, highlight=False, soft_wrap=True)


@contextmanager
def bar(what: str, total: int | None, *, silent: bool = False) -> Iterator[Any]:
    """A progress bar on a terminal; gives a function that takes how far it is, and in what."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_err, disable=silent or not _err.is_terminal) as progress:
        task = progress.add_task(what, total=total)

        def advance(done: int, what: str = what, total: int | None = total) -> None:
            progress.update(task, completed=done, description=what, total=total)

        yield advance
        progress.update(task, completed=progress.tasks[0].total or progress.tasks[0].completed)


def show(what: Any, as_json: bool) -> None:
    """Print a result, a map or a list of them."""
    if as_json:
        sys.stdout.flush()
        text = msgspec.json.format(msgspec.json.encode(what)).decode().translate(_ESCAPED)
        sys.stdout.buffer.write(text.encode() + b"\n")
        sys.stdout.buffer.flush()
        return
    if isinstance(what, list):
        table = Table()
        for column in what[0] if what else ("nothing",):
            table.add_column(column, overflow="fold")
        for row in what:
            table.add_row(*("" if v is None else str(v) for v in row.values()))
        _out.print(table)
        return
    table = Table(show_header=False)
    for key, value in what.items():
        lines = value.items() if isinstance(value, dict) else ()
        table.add_row(str(key), "\n".join(f"{k}: {v}" for k, v in lines) or str(value))
    _out.print(table)
