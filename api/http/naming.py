"""Names with ids: what the units, businesses and matters of a page are called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from api.http.reader import Reader
from ledger.systems.catalogue.events import MatterListed
from projections.answers import Naming
from projections.profiles import PROFILES
from projections.systems.catalogue import MATTERS, UNITS
from projections.tables import Connection, in_groups

_ENCODER = msgspec.json.Encoder(enc_hook=str)


def plain(entry: Any) -> Any:
    """Return an entry as it is sent: dictionaries, lists, texts and numbers."""
    if isinstance(entry, msgspec.Raw):
        return msgspec.json.decode(entry)
    return msgspec.to_builtins(entry, str_keys=True, enc_hook=str)


def name_all(
    connection: Connection,
    reader: Reader,
    entries: Iterable[dict[str, Any]],
    namings: Mapping[str, Naming],
) -> None:
    """Add names to the entries of a page, with one query for each kind."""
    ids: dict[str, set[str]] = {}
    found: list[tuple[dict[str, Any], str, str, str | tuple[str, ...]]] = []
    for entry in entries:
        for name, naming in namings.items():
            if given := _at(entry, naming):
                ids.setdefault(naming.kind, set()).update(
                    (given,) if isinstance(given, str) else given
                )
                found.append((entry, name, naming.kind, given))
    names = names_of(connection, reader, ids)
    for entry, name, kind, given in found:
        if not isinstance(given, str):
            # In the order of the ids; an id stands for a title that the reader may not know.
            entry[name] = [names[kind].get(id_, id_) for id_ in given]
        elif (text := names[kind].get(given)) is not None:
            entry[name] = text


def names_of(
    connection: Connection, reader: Reader, ids: Mapping[str, Collection[str]]
) -> dict[str, dict[str, str]]:
    """Return the names that the reader may know, by kind and id."""
    return {kind: _names(connection, reader, kind, some) for kind, some in ids.items()}


def _at(entry: Mapping[str, Any], naming: Naming) -> str | tuple[str, ...] | None:
    """Return the id, or the ids, that a name is for."""
    for place in naming.places:
        value: Any = entry
        for field in place:
            value = value.get(field) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value
        if isinstance(value, (list, tuple)):
            return tuple(value)
    return None


def _names(connection: Connection, reader: Reader, kind: str, ids: Iterable[str]) -> dict[str, str]:
    """Return the names that the reader may know, by id."""
    key, select = _SELECTS[kind](reader)
    return {
        row[0]: row[1]
        for some in in_groups(sorted(ids))
        for row in connection.execute(select.where(key.in_(some)))
        if row[1]
    }


def names_of_units(connection: Connection, units: Iterable[str | None]) -> dict[str, str]:
    """Return the names of units, which everybody may know, by id."""
    wanted = sorted({unit for unit in units if unit})
    rows = connection.execute(sa.select(UNITS.c.key, UNITS.c.name).where(UNITS.c.key.in_(wanted)))
    return {row.key: row.name for row in rows if row.name}


def _units(reader: Reader) -> tuple[sa.Column[Any], sa.Select[Any]]:
    return UNITS.c.key, sa.select(UNITS.c.key, UNITS.c.name)


def _entities(reader: Reader) -> tuple[sa.Column[Any], sa.Select[Any]]:
    """The names of businesses, as the list of businesses shows them; a business knows its own."""
    table = PROFILES.c
    seen: sa.ColumnElement[bool] = (
        table.restricted if reader.audience() == "restricted" else table.public
    )
    if reader.role == "entity_rep":
        seen = sa.or_(seen, table.key == (reader.entity or ""))
    return table.key, sa.select(table.key, table.name).where(seen)


def _matters(reader: Reader) -> tuple[sa.Column[Any], sa.Select[Any]]:
    """The titles of matters, as the catalogue shows them."""
    table = MATTERS.c
    drafts: sa.ColumnElement[bool] = sa.false()
    if reader.in_unit:
        drafts = table.unit == reader.unit
    elif reader.sees(MatterListed.VISIBILITY, "", ()):
        drafts = sa.true()
    # Of a matter that was never published, the column ``name`` has the name of its draft.
    title = sa.case((drafts, table.draft_name), (table.shown_version > 0, table.name))
    return table.key, sa.select(table.key, title)


_SELECTS = {"unit": _units, "entity": _entities, "matter": _matters}
#: The kinds of subjects that have names.
KINDS = frozenset(_SELECTS)
