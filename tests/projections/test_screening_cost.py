"""What changed the points of a business since a screening costs what happened, not its square."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.kernel import Recorded
from ledger.systems.entities.events import EntityRegistered, EntityRevised, Identity
from projections.drawing import screening
from projections.drawing.screening import Terms, steps
from projections.systems.draws import Standing
from tests.api.oracle import Facts
from tests.projections.facts import E1

DAY = date(2026, 9, 1)


def test_each_event_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once up to the screening and once after it, however many there are."""
    facts, events = Facts(), 400
    records = [facts.record(EntityRegistered(entity=E1, identity=Identity(name="甲")))]
    records += [
        facts.record(EntityRevised(entity=E1, identity=Identity(name=f"甲{n}"), reason="-"))
        for n in range(events)
    ]
    taken = 0
    take = Standing.take

    def counted(self: Standing, record: Recorded) -> None:
        nonlocal taken
        taken += 1
        take(self, record)

    def read(_selectors: Any, up_to: int | None = None) -> list[Recorded]:
        return [record for record in records if up_to is None or record.position <= up_to]

    monkeypatch.setattr(Standing, "take", counted)
    monkeypatch.setattr(screening, "terms_of_run", lambda *_: Terms(DAY, None, None, 1, {}))
    monkeypatch.setattr(screening, "terms_of", lambda *_: Terms(DAY, None, None, 1, {}))
    monkeypatch.setattr(screening, "_counted", lambda *_: 0)
    desk: Any = SimpleNamespace(follower=SimpleNamespace(source=SimpleNamespace(records=read)))
    run: Any = SimpleNamespace(cutoff_position=1, on=DAY, area=None, line=None)
    assert list(steps(desk, run, E1, DAY, records[-1].position)) == []
    assert taken == len(records)
