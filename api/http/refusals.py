"""Refusals of commands, newest first, as those who may read the access ledger see them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from api.http.auditing import Readable
from api.http.keys import ACCESS, LEDGER
from api.http.reader import Reader
from ledger.access.events import CommandRefused
from ledger.general.vocabulary import Role
from ledger.kernel import budget, codec
from ledger.kernel.folds import Selector
from projections.source import Source

#: Who may read the access ledger, in which refusals are recorded.
ACCESS_READERS: frozenset[Role] = frozenset({"jb_supervisor", "rlo_assessor"})

#: Kinds of subjects by whose tag a refusal is found.
_TAGGED = frozenset({"actor", "unit", "entity"})

#: Positions of the access ledger read at a time: the first and the largest number.
_FEWEST, _MOST = 512, 16_384


class Wanted(msgspec.Struct, frozen=True):
    """The conditions for refusals; a refusal must meet all of them.

    ``about``: tags of the sender, the unit acted for, or subjects named. ``since`` and ``until``
    are the first and last civil day. ``policy``: a key, or ``key@version``.
    """

    about: tuple[str, ...] = ()
    rule: str | None = None
    policy: str | None = None
    correlation: UUID | None = None
    since: date | None = None
    until: date | None = None


class Refusals:
    """The refusals that a reader may read; raises the problem that forbids it to others."""

    def __init__(self, request: web.Request, reader: Reader) -> None:
        if reader.role not in ACCESS_READERS or ACCESS not in request.app:
            raise reader.refused()
        self._access: Source = request.app[ACCESS]
        self._readable = Readable(Source(request.app[LEDGER].recorder), reader)

    def newest(self, wanted: Wanted, before: int) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield the refusals before a position, newest first, with their content. Blocks."""
        low, high = self._access.recorded_within(wanted.since, wanted.until)
        top = min(before, high + 1)
        tagged = {tag for tag in wanted.about if tag.partition(":")[0] in _TAGGED}
        rule = () if wanted.rule is None else (f"rule:{wanted.rule}",)
        selector = Selector((CommandRefused.TOPIC,), (*rule, *sorted(tagged)))
        others = [tag for tag in wanted.about if tag not in tagged]
        size = _FEWEST
        while top > low:
            budget.check()
            bottom = max(low, top - size)
            for stored in reversed(self._between(selector, bottom, top)):
                fields = codec.plain(stored.event.data)
                if _meets(fields, wanted, others) and self._readable.may_read(
                    stored.event.type, fields["body"]
                ):
                    yield stored, fields
            top, size = bottom, min(4 * size, _MOST)

    def _between(self, selector: Selector, bottom: int, top: int) -> list[Any]:
        """Return the stored events of a selector from ``bottom`` to below ``top``, in order."""
        # There are at most as many as positions, so one question suffices.
        some = self._access.after([selector], bottom - 1, top - bottom)
        return [stored for stored in some if stored.position < top]


def _meets(fields: dict[str, Any], wanted: Wanted, subjects: list[str]) -> bool:
    """Return whether a refusal meets the conditions that the access ledger has no tag for."""
    body = fields["body"]
    if not set(subjects).issubset(body.get("subjects") or ()):
        return False
    if wanted.correlation is not None and fields["correlation_id"] != str(wanted.correlation):
        return False
    if wanted.policy is None:
        return True
    key, _, version = wanted.policy.partition("@")
    given = str(body.get("policy_version"))
    return body.get("policy_key") == key and version in ("", given)
