"""Ledgers of any length: the stories of the tests, followed by copies about other subjects.

The stories pass through every system. Their events come first, unchanged. The copies are about
other businesses, cases, officers and other subjects, in other years, so that a question about a
subject of the stories has the same answer in a ledger of any length. Copies that name a business
keep their unit, so that the unit of the stories also gets many rows; copies about a unit alone are
about another unit. A copy that names an event by its position, as a correction does, names the copy
of that event.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgpack
from eventsourcing.dcb.api import DCBEvent

from ledger.stores.naming import blobs_folder, sibling
from ledger.stores.sqlite import SQLiteRecorder
from tests.scenarios.test_story_business import test_a_business_through_a_year
from tests.scenarios.test_story_unit import test_a_unit_through_a_year

#: Kinds of subjects that copies share with the stories.
SHARED = {"policy", "calendar", "month", "assessment", "key", "person", "rule", "list-field"}
#: Topics that are not copied because they concern the whole ledger, and topics of which a year can
#: have only one.
_ONCE = re.compile(r"^(policies|transparency|persons|access)\.")
_ONCE_A_YEAR = re.compile(r"^assessment\.")
_DAY = re.compile(r"^([0-9]{4})(-[0-9]{2}-[0-9]{2})(.*)$", re.DOTALL)
_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_USCC = re.compile(r"^[0-9A-Z]{18}$")
_BATCH = 5_000


def tell(folder: Path) -> Path:
    """Record both stories, one after the other, and return the ledger."""
    for name, story in (
        ("business", test_a_business_through_a_year),
        ("unit", test_a_unit_through_a_year),
    ):
        (folder / name).mkdir(parents=True)
        asyncio.run(story(folder / name))
    told = folder / "business" / "ledger.db"
    with SQLiteRecorder(told) as into, SQLiteRecorder(folder / "unit" / "ledger.db") as unit:
        into.append(list(_copied(list(unit.read()), 0, into.head(), shift=0, units=True)))
    for blob in blobs_folder(folder / "unit" / "ledger.db").rglob("*"):
        if blob.is_file():
            copied = folder / "business" / blob.relative_to(folder / "unit")
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(blob, copied)
    return told


def multiply(told: Path, path: Path, length: int) -> None:
    """Make a ledger at ``path`` with the stories and copies, at least ``length`` events long."""
    path.parent.mkdir(parents=True)
    shutil.copytree(blobs_folder(told), blobs_folder(path))
    vault = Path(shutil.copy(sibling(told, "vault"), sibling(path, "vault")))
    with closing(sqlite3.connect(vault)) as copied:
        copied.execute("PRAGMA user_version = 0")  # of no ledger yet
    with SQLiteRecorder(told) as source:
        story = list(source.read())
    with SQLiteRecorder(path) as recorder:
        waiting = [one.event for one in story]
        written = number = 0
        while written + len(waiting) < length:
            number += 1
            after = written + len(waiting)
            waiting += _copied(story, number, after, shift=1 + number % 8, units=False)
            if len(waiting) >= _BATCH:
                written = recorder.append(waiting)
                waiting = []
        if waiting:
            recorder.append(waiting)


def _copied(
    story: list[Any], number: int, after: int, *, shift: int, units: bool
) -> Iterator[DCBEvent]:
    """Return the events of a story about other subjects, to be appended after ``after``.

    ``units``: use other units even in events that name a business.
    """
    told = {tag.partition(":")[::2] for one in story for tag in one.event.tags}
    others = {
        name: _renamed(name, number)
        for kind, name in told
        if kind not in SHARED | {"actor", "command"}
    }
    own = {name: new for name, new in others.items() if ("unit", name) not in told}
    copied = [
        one
        for one in story
        if not (_ONCE.match(one.event.type) or (shift and _ONCE_A_YEAR.match(one.event.type)))
    ]
    places = _Places([one.position for one in copied], after)
    for one in copied:
        event = one.event
        about = any(tag.startswith("entity:") for tag in event.tags)
        names = own if about and not units else others
        body = _changed(msgpack.unpackb(event.data), names, number, shift, places)
        tags = [_tag(tag, names, number) for tag in event.tags]
        yield DCBEvent(type=event.type, data=msgpack.packb(body), tags=tags)


class _Places:
    """The positions of the copies of events, which follow ``after`` in order."""

    def __init__(self, positions: list[int], after: int) -> None:
        self._positions = positions
        self._after = after

    def of(self, position: int) -> int:
        """Return the position of an event's copy, or of the last copy before it."""
        return self._after + bisect_right(self._positions, position)


def _changed(value: Any, names: Mapping[str, str], number: int, shift: int, places: _Places) -> Any:
    """Return the content of a record about the other subjects."""
    if isinstance(value, str):
        if (new := names.get(value)) is not None:
            return new
        if _UUID.match(value):
            return _other_uuid(value, number)
        day = _DAY.match(value) if shift else None
        return value if day is None else _shifted(day, shift)
    if isinstance(value, dict):
        return {
            key: places.of(inner)
            if isinstance(inner, int) and key.endswith("position")
            else [places.of(one) for one in inner]
            if key == "evidence_events"
            else _changed(inner, names, number, shift, places)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_changed(inner, names, number, shift, places) for inner in value]
    return value


def _tag(tag: str, names: Mapping[str, str], number: int) -> str:
    kind, _, name = tag.partition(":")
    if kind == "command":
        return f"{tag}x{number}"
    return tag if kind in SHARED or kind == "actor" else f"{kind}:{names.get(name, name)}"


def _shifted(day: re.Match[str], years: int) -> str:
    rest = day[2] if day[2] != "-02-29" else "-02-28"
    return f"{int(day[1]) - years}{rest}{day[3]}"


@lru_cache(100_000)
def _renamed(name: str, number: int) -> str:
    """Return another name of the same form."""
    if _UUID.match(name):  # some subjects are events
        return _other_uuid(name, number)
    if _USCC.match(name):
        return f"bench:{name}x{number}"
    head, colon, year = name.rpartition(":")
    if colon and year.isdigit():
        return f"{head}x{number}:{year}"
    return f"{name}x{number}"


def _other_uuid(name: str, number: int) -> str:
    return str(UUID(int=(UUID(name).int + number * 2**40 + 1) % 2**128))
