"""What differs in a profile between two days or two moments, and which events made it so.

Both profiles are replayed. A difference was made by those events that only the later profile took,
or took as corrected since, and that changed the same part of the document. A difference without an
event came with the days themselves (a publicity ended, a year began) or with a change of policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import msgspec

from ledger.kernel import Actor, budget
from projections.explain.replay import Asked, Replaying, Step
from projections.profiles import Change, as_json, difference
from projections.source import Source

#: A day or a moment.
Time = date | datetime


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event that made a difference. ``corrected_by``: the corrections taken only since then."""

    position: int
    type: str
    occurred_at: datetime
    known_at: datetime
    actor: Actor | None = None
    rule_id: str | None = None
    corrected_by: tuple[int, ...] = ()


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the profile that differs: its JSON pointer, both values, and what made it so."""

    path: str
    before: Any = None
    after: Any = None
    events: tuple[Cause, ...] = ()


class Compared(msgspec.Struct, frozen=True):
    """Two profiles of a business and how they differ; ``position``: the last event taken."""

    before: bytes
    after: bytes
    differences: list[Difference]
    position: int


def compare(source: Source, asked: Asked, older: Time, newer: Time) -> Compared:
    """Compare the profiles of two days, or as known at two moments; ``asked`` says for whom.

    Raises ``NothingKnown`` if the ledger holds nothing about the business.
    """
    before, told, _ = _replayed(source, asked, older)
    after, steps, position = _replayed(source, asked, newer)
    known = {step.position: step for step in told}
    since = [cause for step in steps if (cause := _since(step, known.get(step.position)))]
    changes = difference(msgspec.json.decode(before), msgspec.json.decode(after))
    differences = [_explained(change, since) for change in changes]
    return Compared(before, after, differences, position)


def _replayed(source: Source, asked: Asked, on: Time) -> tuple[bytes, list[Step], int]:
    name = "known_as_of" if isinstance(on, datetime) else "valid_as_of"
    replaying = Replaying(source, msgspec.structs.replace(asked, **{name: on}))
    steps = list(replaying)
    return as_json(replaying.document()), steps, replaying.position


def _since(step: Step, before: Step | None) -> tuple[Step, Cause] | None:
    """Return an event as a cause; ``None`` if the earlier profile took it alike."""
    if before is not None and before.corrected_by == step.corrected_by:
        return None
    return step, Cause(
        position=step.position,
        type=step.type,
        occurred_at=step.occurred_at,
        known_at=step.known_at,
        actor=step.actor,
        rule_id=step.rule_id,
        corrected_by=tuple(
            p for p in step.corrected_by if before is None or p not in before.corrected_by
        ),
    )


def _explained(change: Change, since: Iterable[tuple[Step, Cause]]) -> Difference:
    budget.check()
    events = tuple(
        cause
        for step, cause in since
        if any(_related(change.path, part.path) for part in step.changes)
    )
    return Difference(change.path, change.before, change.after, events)


def _related(path: str, other: str) -> bool:
    """Return whether one of two places of a document is the other one or a part of it."""
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")
