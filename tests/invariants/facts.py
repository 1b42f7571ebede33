"""What a ledger holds, as plain maps: each event as the corrections known by then have it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import msgpack

_CIVIL = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Known:
    """One event: its place, its type without the system, its civil day, its body."""

    position: int
    type: str
    on: date
    known_at: datetime
    body: dict[str, Any]
    event_id: str

    def get(self, field: str, default: Any = None) -> Any:
        return self.body.get(field, default)

    def day(self, field: str) -> date | None:
        """A field that holds a day."""
        value = self.body.get(field)
        return None if value is None else date.fromisoformat(str(value))


def stored(recorder: Any) -> list[Known]:
    """Everything recorded, uncorrected."""
    return [_known(one.position, msgpack.unpackb(one.event.data)) for one in recorder.read()]


def _known(position: int, fields: dict[str, Any]) -> Known:
    return Known(
        position,
        fields["type"],
        _day(fields["occurred_at"]),
        datetime.fromisoformat(fields["recorded_at"]),
        fields["body"],
        fields["event_id"],
    )


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).astimezone(_CIVIL).date()


def as_known(facts: Iterable[Known], by: datetime | None = None) -> Iterator[Known]:
    """The facts known by a moment, each as the corrections known by then have it."""
    known = [fact for fact in facts if by is None or fact.known_at <= by]
    changes: dict[str, list[dict[str, Any]]] = {}
    for fact in known:
        if fact.type == "corrections.record-corrected":
            changes.setdefault(fact.body["target_event_id"], []).extend(fact.body["field_changes"])
    for fact in known:
        yield _corrected(fact, changes[fact.event_id]) if fact.event_id in changes else fact


def _corrected(fact: Known, changes: Iterable[dict[str, Any]]) -> Known:
    body, on = copy.deepcopy(fact.body), fact.on
    for change in changes:
        _, part, *keys = change["path"].split("/")
        if part == "occurred_at":
            on = _day(change["new"])
            continue
        place = body
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = change["new"]
    return Known(fact.position, fact.type, on, fact.known_at, body, fact.event_id)
