"""Say an event in one sentence: who did what, to whom, on which day.

The catalogue has the words (domain ``sentences``): for each type of event what was done, in which
its fields are named by ``str.format`` fields, and the frames that add who did it and when. A type
without words of its own is said by its title and by whom it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from api.http.naming import names_of
from api.http.reader import Reader
from api.http.tokens import WITHHELD
from ledger.kernel import UNNAMED, civil_date
from ledger.kernel.messages import Message, catalogue, say, title
from projections.answers import NAMED
from projections.tables import Connection

_DOMAIN = "sentences"
_WORD = re.compile(r"[a-z][a-z0-9_]*\Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")

#: Items of a list that a sentence names; it counts the others.
_NAMED_ITEMS = 3

#: Fields with ids besides those whose names lists show.
_FURTHER = {"matters": "matter", "units": "unit", "to": "unit", "lead": "unit"}

#: An event as it is shown: its ``type``, ``body``, ``actor`` and ``occurred_at``.
Event = Mapping[str, Any]


def tell_all(
    connection: Connection, reader: Reader, events: Sequence[Event], language: str
) -> list[str]:
    """Return a sentence for each event, with the names that the reader may know.

    The events must be those that the reader may see, as the reader may see them.
    """
    names = _names(connection, reader, events, language)
    return [_told(event, names, language) for event in events]


Names = Mapping[str, Mapping[str, str]]


def _names(connection: Connection, reader: Reader, events: Iterable[Event], language: str) -> Names:
    """Return the names of the units, businesses and matters that the events mention, by kind."""
    ids: dict[str, set[str]] = {kind: set() for kind in sorted(set(NAMED.values()))}
    for event in events:
        if (actor := event.get("actor")) is not None:
            ids["unit"].add(actor["unit_id"])
        for field, value in (event.get("body") or {}).items():
            kind = _kind(field)
            if kind is not None:
                ids[kind].update(v for v in _listed(value) if isinstance(v, str))
    names = names_of(connection, reader, {kind: some for kind, some in ids.items() if some})
    # Other offices than enforcement units have no registered name.
    offices = catalogue(language, _DOMAIN)
    for unit in ids["unit"] - names.get("unit", {}).keys():
        if (office := offices.get(f"office.{unit}")) is not None:
            names["unit"][unit] = office
    return names


def _kind(field: str) -> str | None:
    return _FURTHER.get(field) or NAMED.get(field)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _told(event: Event, names: Names, language: str) -> str:
    body: Mapping[str, Any] = event.get("body") or {}
    details = dict(_details(body, names, language))
    words = catalogue(language, _DOMAIN)
    kind = str(event["type"])
    if kind in words:
        act = say(Message(kind, details, _DOMAIN), language)
    else:
        details["title"] = title(kind, language, "titles")
        act = say(Message("act", details, _DOMAIN), language)
    day = civil_date(datetime.fromisoformat(str(event["occurred_at"])))
    who = _who(event.get("actor"), body, names, language)
    return say(Message("sentence", {"who": who, "day": day, "act": act}, _DOMAIN), language)


def _who(
    actor: Mapping[str, Any] | None, body: Mapping[str, Any], names: Names, language: str
) -> str:
    """Return who did it: the unit and the person, the business, or the ledger itself."""
    details: dict[str, Any] = dict(actor or {})
    role = str(details.get("role", ""))
    if role == "ledger_clock" or not details:
        return say(Message("ledger", {}, _DOMAIN), language)
    if details["unit_id"] == WITHHELD:
        return say(Message("withheld", {}, _DOMAIN), language)
    details["unit"] = _name(names, "unit", str(details["unit_id"]))
    if role == "entity_rep":
        entity = body.get("entity")
        business = say(Message("business", {}, _DOMAIN), language)
        details["unit"] = _name(names, "entity", entity) if isinstance(entity, str) else business
    if details["person_id"] in (WITHHELD, UNNAMED):
        return str(details["unit"])
    return say(Message("who", details, _DOMAIN), language)


def _name(names: Names, kind: str, id_: str) -> str:
    return names.get(kind, {}).get(id_, id_)


def _details(
    body: Mapping[str, Any], names: Names, language: str, outer: str = ""
) -> Iterable[tuple[str, Any]]:
    """Yield the fields of a body as they are said; those of an inner one as ``outer_inner``."""
    for field, value in body.items():
        if isinstance(value, Mapping):
            if not outer:
                yield from _details(value, names, language, f"{field}_")
            continue
        kind = None if outer else _kind(field)
        parts = [_said(field, v, kind, names, language) for v in _listed(value)]
        if not isinstance(value, list | tuple):
            yield f"{outer}{field}", parts[0]
        elif all(isinstance(v, str) for v in value):
            yield f"{outer}{field}", _few(parts, language)
        yield f"{outer}{field}_count", len(parts)


def _few(parts: list[Any], language: str) -> Any:
    """Return the items of a list; of a long one the first, and how many there are."""
    if len(parts) <= _NAMED_ITEMS:
        return parts
    details = {"first": parts[:_NAMED_ITEMS], "count": len(parts)}
    return say(Message("many", details, _DOMAIN), language)


def _said(field: str, value: Any, kind: str | None, names: Names, language: str) -> Any:
    if not isinstance(value, str):
        return value
    if kind is not None:
        return _name(names, kind, value)
    if _DAY.match(value):
        return date.fromisoformat(value)
    if field == "rule_name":
        code = f"deadline:{value}"
        return catalogue(language, "titles").get(code, value)
    if _WORD.match(value):
        own = f"{field}.{value}"
        titled = title(own, language, "values")
        return title(value, language, "values") if titled == own else titled
    return value
