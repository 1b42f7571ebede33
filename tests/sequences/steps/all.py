"""Every step, of all areas."""

from __future__ import annotations

from tests.sequences.steps import (
    Step,
    cases,
    credit,
    draws,
    ground,
    oversight,
    takeon,
    visits,
)

STEPS: tuple[Step, ...] = tuple(
    step
    for area in (ground, visits, draws, cases, credit, oversight, takeon)
    for step in area.TABLE.steps
)
