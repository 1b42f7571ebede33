"""``GET /v1/events/{position}/effects``: what an event changed, document by document."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from api.feed.events import as_shown, seen_event
from api.http.asking import PRIVATE, asked, follower_of
from api.http.keys import SERVED
from api.http.languages import in_language, language_of
from api.http.listing import Listing
from api.http.naming import plain
from api.http.reader import Reader, reader_of
from api.http.reading import json_response
from api.http.resources import Resource
from api.http.sentences import tell_all
from api.running.pools import REPLAYS
from ledger.kernel import RecordCorrected, Recorded
from ledger.kernel.folds import topics_of
from projections.explain.replay import Asked, NothingKnown, Replaying
from projections.profiles import Change, CreditProfile, as_json, difference
from projections.source import Source
from projections.systems.catalogue import Matters
from projections.systems.findings import Findings
from projections.systems.plans import Plans
from projections.systems.records import Records
from projections.systems.repair import Repairs
from projections.systems.tasks import Tasks

#: Subjects whose document is not made by a list of its own: its fields with a value are compared.
_FURTHER = tuple(
    Listing(path, view, summary="", one="")
    for path, view in (
        ("/v1/findings", Findings),
        ("/v1/matters", Matters),
        ("/v1/plans", Plans),
        ("/v1/repair/cases", Repairs),
        ("/v1/repair/records", Records),
        ("/v1/tasks", Tasks),
    )
)


class Effect(msgspec.Struct, frozen=True):
    """What an event changed in the document of one of its subjects.

    ``document``: the path of the document as it is now. Each change has the JSON pointer of a part
    of the document, with its value before the event and after it.
    """

    kind: str
    id: str
    document: str
    changes: tuple[Change, ...]


class Effects(msgspec.Struct, frozen=True):
    """What an event changed, as far as the events tell that the token may see.

    ``says``: what happened, as a sentence in the reader's language.
    """

    position: int
    type: str
    says: str
    effects: tuple[Effect, ...]


async def effects(request: web.Request) -> web.Response:
    """What an event changed: the documents of its subjects before and after it.

    They are made from the events that the token may see, up to the one before and up to the event
    itself. Only documents that changed are listed; the profile of a business is among them for
    those who may replay it.
    """
    stored, fields = await seen_event(request)
    reader, follower, language = (
        await reader_of(request),
        follower_of(request),
        language_of(request),
    )
    source, told = follower.source, as_shown(reader, stored, fields)
    listings = (*_FURTHER, *(r.listing for r in request.app[SERVED] if r.listing is not None))

    def ask() -> Effects:
        found = [
            *_of_lists(source, reader, listings, fields["type"], stored),
            *_of_profiles(source, reader, fields["type"], stored),
        ]
        with follower.views.reading() as connection:
            (says,) = tell_all(connection, reader, [told], language)
        changed = tuple(effect for effect in found if effect.changes)
        return Effects(stored.position, told["type"], says, changed)

    return json_response(await asked(ask, REPLAYS), headers=in_language(PRIVATE, language))


def _subjects(stored: Any, kind: str) -> Iterator[str]:
    prefix = f"{kind}:"
    return (
        tag.removeprefix(prefix)
        for tag in dict.fromkeys(stored.event.tags)
        if tag.startswith(prefix)
    )


def _takes(topics: Sequence[str], topic: str) -> bool:
    return topic in topics or topic == RecordCorrected.TOPIC


def _of_lists(
    source: Source, reader: Reader, listings: Sequence[Listing], topic: str, stored: Any
) -> Iterator[Effect]:
    """Yield the effect on each subject that has a list of its own."""
    for listing in listings:
        view = listing.view
        if not _takes(topics_of(view.fold), topic):
            continue
        for subject in _subjects(stored, view.kind):
            make: Any = view.fold
            selector = make(subject).selector()
            records = [r for r in source.each([selector], stored.position) if reader.sees_record(r)]
            before = [r for r in records if r.position < stored.position]
            documents = [_document(listing, reader, subject, some) for some in (before, records)]
            path = f"{listing.path}/{subject}"
            yield Effect(view.kind, subject, path, tuple(difference(*documents)))


def _document(listing: Listing, reader: Reader, subject: str, records: Sequence[Recorded]) -> Any:
    """Return the document of a subject after some records; an empty one before it begins."""
    make: Any = listing.view.fold
    fold = make(subject)
    if all(isinstance(record.event, RecordCorrected) for record in records) or not getattr(
        fold.over(records), "exists", True
    ):
        return {}
    return plain(listing.of_fold(fold, reader))


def _of_profiles(source: Source, reader: Reader, topic: str, stored: Any) -> Iterator[Effect]:
    """Yield the effect on the profile of each business that the event is about."""
    for entity in _subjects(stored, "entity"):
        if reader.is_public or reader.audience(entity) == "public":
            continue
        if not _takes(CreditProfile(entity).selector().topics, topic):
            continue
        before, after = (
            _profile(source, reader, entity, position)
            for position in (stored.position - 1, stored.position)
        )
        path = f"/v1/entities/{entity}/profile"
        yield Effect("entity", entity, path, tuple(difference(before, after)))


def _profile(source: Source, reader: Reader, entity: str, position: int) -> Any:
    """Return the profile of a business after the events up to a position."""
    how = Asked(
        entity,
        to_position=position,
        sight=reader.sight(entity),
        may_see=reader.sees_record,
        today=reader.today,
    )
    replaying = Replaying(source, how, steps=False)
    with suppress(NothingKnown):  # before its first event, the profile is empty
        deque(replaying, maxlen=0)
    return msgspec.json.decode(as_json(replaying.document()))


RESOURCES = (
    Resource(
        "/v1/events/{position}/effects", effects, returns=Effects, group="trails", worded=True
    ),
)
