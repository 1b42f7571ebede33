"""Notes about rows: what was odd, in which cell, and nobody's number."""

from __future__ import annotations

from typing import Literal

from ledger.general.personaldata import personal_data
from ledger.intake.events import RowNote

_MOST = 400
_MOST_OF_A_VALUE = 60


def row_note(
    line: int,
    kind: Literal["rejected", "warned"],
    reason: str,
    message: str,
    *,
    column: str | None = None,
    value: str | None = None,
) -> RowNote:
    """A note that fits a record. It is public for ever, so that personal data is never repeated."""
    what = personal_data(message, value)
    if what is not None:
        message = f"{column or 'the row'} holds {what}, which is not repeated here ({reason})"
        value = None
    return RowNote(
        line=line,
        kind=kind,
        reason=reason,
        message=_cut(message, _MOST),
        column=None if column is None else column[:200],
        value=None if value is None else _cut(value, _MOST_OF_A_VALUE),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
