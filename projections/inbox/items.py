"""Everything that waits for somebody, by area of the rulebook: one row for each kind of item."""

from __future__ import annotations

from projections.inbox import cases, inspections, oversight
from projections.inbox.waiting import Waiting

#: Every row, by its name.
WAITS: dict[str, Waiting] = {
    row.name: row for row in (*inspections.WAITS, *cases.WAITS, *oversight.WAITS)
}
