"""Refusals and consultations, newest first, as those who may read the access ledger see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from ledger.kernel import Message, budget, codec
from ledger.kernel.folds import Selector
from ledger.kernel.messages import in_words, restored, say
from projections.source import Source

#: Who may read the access ledger, in which refusals are recorded.
ACCESS_READERS: frozenset[Role] = frozenset({"jb_supervisor", "rlo_assessor"})

#: Kinds of subjects by whose tag a refusal is found.
_TAGGED = frozenset({"actor", "unit", "entity", "rule"})

#: Positions of the access ledger read at a time: the first and the largest number.
_FEWEST, _MOST = 512, 16_384


class Wanted(msgspec.Struct, frozen=True):
    """The conditions for entries; an entry must meet all of them.

    ``about``: tags of the sender, the unit acted for, or subjects named. ``any_of``: it has one of
    each of these groups of tags, ``none_of``: none of these; its rule has a tag too. ``since`` and
    ``until`` are the first and last civil day. ``after``: the last position that is not wanted.
    ``policy``: a key, or ``key@version``.
    """

    about: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    none_of: tuple[str, ...] = ()
    after: int = 0
    rule: str | None = None
    policy: str | None = None
    correlation: UUID | None = None
    since: date | None = None
    until: date | None = None


class Entries:
    """The entries of a type that a reader may read; raises the problem that forbids it to others.

    By default they are the refusals of commands.
    """

    def __init__(
        self, request: web.Request, reader: Reader, topic: str = CommandRefused.TOPIC
    ) -> None:
        if reader.role not in ACCESS_READERS or ACCESS not in request.app:
            raise reader.refused()
        self._topic = topic
        self._access: Source = request.app[ACCESS]
        self._readable = Readable(Source(request.app[LEDGER].recorder), reader)

    def newest(self, wanted: Wanted, before: int) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield the entries before a position, newest first, with their content. Blocks."""
        low, high = self._access.recorded_within(wanted.since, wanted.until)
        top = min(before, high + 1)
        low = max(low, wanted.after + 1)
        groups = [*((tag,) for tag in wanted.about), *wanted.any_of]
        alone = {group[0] for group in groups if len(group) == 1}
        tagged = {tag for tag in alone if tag.partition(":")[0] in _TAGGED}
        rule = () if wanted.rule is None else (f"rule:{wanted.rule}",)
        selector = Selector((self._topic,), (*rule, *sorted(tagged)))
        for stored in newest_first(self._access, [selector], low, top):
            fields = codec.plain(stored.event.data)
            named = {*stored.event.tags, *(fields["body"].get("subjects") or ())}
            if _meets(fields, named, groups, wanted) and self._readable.may_read(
                stored.event.type, fields["body"]
            ):
                yield stored, fields


def told_in(body: dict[str, Any], language: str) -> dict[str, Any]:
    """Return what a refusal recorded, with its message and details in the words of a language."""
    if body.get("message") is not None:
        return body  # an entry of an early version, which holds the text alone
    details = restored(body.get("details") or {})
    told = Message(f"{body['rule']}.message", details, "rules")
    return {**body, "message": say(told, language), "details": in_words(details, language)}


def newest_first(
    source: Source, selectors: Sequence[Selector], low: int, top: int
) -> Iterator[Any]:
    """Yield the stored events of selectors from ``low`` to below ``top``, newest first. Blocks."""
    size = _FEWEST
    while top > low:
        budget.check()
        bottom = max(low, top - size)
        # There are at most as many as positions, so one question suffices.
        some = source.after(selectors, bottom - 1, top - bottom)
        yield from reversed([stored for stored in some if stored.position < top])
        top, size = bottom, min(4 * size, _MOST)


def _meets(
    fields: dict[str, Any], named: set[str], groups: list[tuple[str, ...]], wanted: Wanted
) -> bool:
    """Return whether an entry that names some subjects meets the conditions."""
    body = fields["body"]
    if any(named.isdisjoint(group) for group in groups) or not named.isdisjoint(wanted.none_of):
        return False
    if wanted.correlation is not None and fields["correlation_id"] != str(wanted.correlation):
        return False
    if wanted.policy is None:
        return True
    key, _, version = wanted.policy.partition("@")
    given = str(body.get("policy_version"))
    return body.get("policy_key") == key and version in ("", given)
