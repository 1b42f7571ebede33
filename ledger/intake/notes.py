"""Notes about rows: what was odd, and in which cell, without any person's number."""

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
    """Return a note short enough for a record. Notes are public, so personal data is left out."""
    kind_of_data = personal_data(message, value)
    if kind_of_data is not None:
        message = (
            f"{column or 'the row'} holds {kind_of_data}, which is not repeated here ({reason})"
        )
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
