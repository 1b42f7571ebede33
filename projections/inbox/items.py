"""The table of all kinds of items that can wait in an inbox, collected from each area."""

from __future__ import annotations

from projections.inbox import cases, inspections, oversight
from projections.inbox.waiting import Waiting

#: Every kind of item, by its name.
WAITS: dict[str, Waiting] = {
    row.name: row for row in (*inspections.WAITS, *cases.WAITS, *oversight.WAITS)
}
