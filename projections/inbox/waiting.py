"""What waits for whom: each row says which event opens an item, who answers it, and how.

The tables themselves stand in ``projections.inbox.items``, one list for each area of the rulebook,
as the deadline rules stand with their systems. Nothing here decides anything: a row says where a
person looks next, and the command decides.
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

#: Offices whose work lies across all units; a row that names one in ``region`` is in the tray of
#: everybody in that office, whatever the unit is called.
OFFICES: frozenset[Role] = frozenset(
    {"jb_supervisor", "rlo_assessor", "recon_officer", "credit_officer"}
)

#: Fields that are no subject and yet the same fact in an event and in the command that answers it.
_FACTS = frozenset({"year", "month", "task_no", "obligation"})

Abouts = Iterable[tuple[str, ...]]
#: Gives the records of a type of event about a tag that come before an opening event.
Earlier = Callable[[type[Event], str], Iterable[Recorded]]


class Waiting(msgspec.Struct, frozen=True):
    """One kind of item: opened by an event, gone with another, answered by a command.

    ``name`` is ``<system>.<what waits>``. ``says`` names it in Chinese and English. ``commands``
    are ``<system>/<command>``, the most usual first. ``about``: the fields of the opening event
    whose tags the closing event must carry too, or a function that gives the tags of each item,
    whose first one is then of the kind ``main``.
    ``unit``: the field (or function) that gives the units whose people answer; ``region``: the
    offices that answer for the whole region. ``roles`` narrows the roles of the commands.
    ``persons``: who of the enforcement officers is responsible; without it every one of the unit
    is. ``when``: whether an opening event opens it; ``ends``: whether a closing event ends it.
    ``ended_for_all``: the closing events that end it for every unit, whichever they name.
    ``after``: it opens only where such an event about the subject was recorded before, and not
    ended since. ``bars``: whether what was recorded before leaves nothing to answer. ``due``: the
    deadline rules that may give its day. ``fills``: further fields of the commands that the event
    knows. ``told``: those who answer know of it even where the event is sealed from them, because
    their office handles it. ``but``: the person who may not answer.
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
        """The system that it belongs to: the scope of a handover."""
        return self.name.partition(".")[0]

    def abouts(self, event: Event) -> list[tuple[str, ...]]:
        """The tags of each item that an event opens, the main subject first."""
        if callable(self.about):
            return list(self.about(event))
        kinds = dict(subject_fields(type(event)))
        values = [(kinds[name], getattr(event, name)) for name in self.about]
        if any(value is None for _, value in values):
            return []
        return [tuple(make_tag(kind, value) for kind, value in values)]

    @property
    def kind(self) -> str:
        """The kind of its main subject."""
        if callable(self.about):
            return self.main
        return dict(subject_fields(self.opened_by[0]))[self.about[0]]

    def units(self, record: Recorded) -> tuple[str, ...]:
        """The units whose people answer it."""
        if callable(self.unit):
            return self.unit(record)
        unit = getattr(record.event, self.unit, None)
        return () if unit is None else (unit,)

    def roles_for(self, event: Event) -> frozenset[Role]:
        """The roles that may answer it."""
        sending = frozenset[Role]().union(*(entry_of(name).roles for name in self.commands))
        given = self.roles(event) if callable(self.roles) else self.roles
        return (sending if given is None else sending & given) - {"ledger_clock", "public"}

    def known(self, event: Event) -> dict[str, Any]:
        """What the event says that a command may be filled with, by the names of the fields."""
        said = {name: getattr(event, name, None) for name in _told_fields(type(event))}
        return {k: v for k, v in {**said, **self.fills(event)}.items() if v not in (None, ())}


@cache
def _told_fields(cls: type[Event]) -> tuple[str, ...]:
    """The fields of an event that name subjects, one or several, and the facts that stay."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    single = {name for name, _ in subject_fields(cls)}
    return tuple(
        field.name
        for field in info.fields
        if field.name in single | _FACTS or _names_subjects(field.type)
    )


def _names_subjects(info: inspect.Type) -> bool:
    """Whether a field is a tuple of subjects."""
    item = info.item_type if isinstance(info, inspect.VarTupleType) else None
    return isinstance(item, inspect.Metadata) and bool((item.extra or {}).get("subject"))


@cache
def _entries() -> dict[str, Entry]:
    return {f"{entry.system}/{entry.name}": entry for entry in COMMANDS}


def entry_of(command: str) -> Entry:
    """The entry of the command table named ``<system>/<command>``. Raises ``KeyError``."""
    return _entries()[command]
