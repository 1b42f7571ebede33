"""Everything that waits for somebody, by area of the rulebook: one row for each kind of item."""

from __future__ import annotations

from projections.waiting import Waiting
from projections.waits import cases, inspections, oversight

#: Every row, by its name.
WAITS: dict[str, Waiting] = {
    row.name: row for row in (*inspections.WAITS, *cases.WAITS, *oversight.WAITS)
}
