"""Kinds of inbox items: which event opens an item, who answers it, and with which command.

``projections.inbox.items`` collects the kinds, which each area of the rulebook lists in its own
module. An item only points a person to the next step; the command decides whether that is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ledger.general.vocabulary import Role
from ledger.kernel import Event, Recorded
from ledger.kernel.subjects import make_tag, subject_fields
from ledger.registry import COMMANDS, Entry

#: Roles that work across all units. An item with such a role in ``region`` is in the region-wide
#: tray of that role, whichever unit the person belongs to.
OFFICES: frozenset[Role] = frozenset(
    {"jb_supervisor", "rlo_assessor", "recon_officer", "credit_officer"}
)

#: Fields that do not name a subject but mean the same in an event and in the answering command.
_FACTS = frozenset({"year", "month", "task_no", "obligation"})

Abouts = Iterable[tuple[str, ...]]
#: Returns the records of an event type about a tag that were recorded before the opening event.
Earlier = Callable[[type[Event], str], Iterable[Recorded]]


class Waiting(msgspec.Struct, frozen=True):
    """One kind of item: one event opens it, another closes it, and a command answers it.

    ``name``: ``<system>.<item>``. ``says``: its title, Chinese then English. ``commands``: the
    answering commands as ``<system>/<command>``, the most usual first.
    ``about``: the fields of the opening event whose tags the closing event must carry too, or a
    function that returns these tags for each item; ``main`` is then the kind of their first tag.
    ``unit``: the field (or a function) that gives the units whose members answer. ``region``: the
    roles that answer for the whole region. ``roles``: narrows the roles that may send the commands.
    ``persons``: the responsible enforcement officers; without it, all officers of the unit.
    ``when``: whether an opening event opens the item. ``ends``: whether a closing event ends it.
    ``ended_for_all``: closing events that end the item for all units, whichever unit they name.
    ``after``: the item opens only if such an event about the subject was recorded before and no
    closing event followed it. ``bars``: whether earlier records leave nothing to answer.
    ``due``: the deadline rules that may set its last day. ``fills``: further command fields that
    can be filled from the event. ``told``: those who answer see the item even if the event is
    sealed from them, because their office handles it. ``but``: the person who may not answer.
    """

    name: str
    says: str
    commands: tuple[str, ...]
    opened_by: tuple[type[Event], ...]
    closed_by: tuple[type[Event], ...]
    law: str
    about: tuple[str, ...] | Callable[[Any], Abouts] = ()
    main: str = ""
    unit: str | Callable[[Recorded], tuple[str, ...]] = "unit"
    region: frozenset[Role] = frozenset()
    roles: frozenset[Role] | Callable[[Any], frozenset[Role]] | None = None
    persons: Callable[[Any], tuple[str, ...]] | None = None
    when: Callable[[Any], bool] = lambda event: True
    ends: Callable[[Any], bool] = lambda event: True
    ended_for_all: tuple[type[Event], ...] = ()
    after: tuple[type[Event], ...] = ()
    bars: Callable[[Any, Earlier], bool] | None = None
    due: tuple[str, ...] = ()
    fills: Callable[[Any], dict[str, Any]] = lambda event: {}
    told: bool = False
    but: Callable[[Recorded], str | None] = lambda record: None

    @property
    def system(self) -> str:
        """The system that the item belongs to; a handover covers one system."""
        return self.name.partition(".")[0]

    def abouts(self, event: Event) -> list[tuple[str, ...]]:
        """Return the tags of each item that an event opens, the main subject first."""
        if callable(self.about):
            return list(self.about(event))
        kinds = dict(subject_fields(type(event)))
        values = [(kinds[name], getattr(event, name)) for name in self.about]
        if any(value is None for _, value in values):
            return []
        return [tuple(make_tag(kind, value) for kind, value in values)]

    @property
    def kind(self) -> str:
        """The kind of the main subject."""
        if callable(self.about):
            return self.main
        return dict(subject_fields(self.opened_by[0]))[self.about[0]]

    def units(self, record: Recorded) -> tuple[str, ...]:
        """Return the units whose members answer the item."""
        if callable(self.unit):
            return self.unit(record)
        unit = getattr(record.event, self.unit, None)
        return () if unit is None else (unit,)

    def roles_for(self, event: Event) -> frozenset[Role]:
        """Return the roles that may answer the item."""
        sending = frozenset[Role]().union(*(entry_of(name).roles for name in self.commands))
        given = self.roles(event) if callable(self.roles) else self.roles
        return (sending if given is None else sending & given) - {"ledger_clock", "public"}

    def known(self, event: Event) -> dict[str, Any]:
        """Return the values from the event that can prefill a command, by field name."""
        values = {name: getattr(event, name, None) for name in _told_fields(type(event))}
        return {k: v for k, v in {**values, **self.fills(event)}.items() if v not in (None, ())}


@cache
def _told_fields(cls: type[Event]) -> tuple[str, ...]:
    """Return the fields of an event that name one or several subjects, and those in ``_FACTS``."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    single = {name for name, _ in subject_fields(cls)}
    return tuple(
        field.name
        for field in info.fields
        if field.name in single | _FACTS or _names_subjects(field.type)
    )


def _names_subjects(info: inspect.Type) -> bool:
    """Return whether a field is a tuple of subjects."""
    item = info.item_type if isinstance(info, inspect.VarTupleType) else None
    return isinstance(item, inspect.Metadata) and bool((item.extra or {}).get("subject"))


@cache
def _entries() -> dict[str, Entry]:
    return {f"{entry.system}/{entry.name}": entry for entry in COMMANDS}


def entry_of(command: str) -> Entry:
    """Return the registry entry of ``<system>/<command>``. Raises ``KeyError`` if there is none."""
    return _entries()[command]
