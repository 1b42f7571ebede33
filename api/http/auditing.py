"""Record refusals, unknown references and supervisors' consultations (rulebook 0.9).

They are recorded in the access ledger, a second ledger on the same kernel, before the answer is
sent: if a consultation cannot be recorded, the supervisor is not shown the answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from api.http.keys import LEDGER, LINE
from api.http.tokens import WITHHELD, Grant
from api.running.counter import Counter
from api.running.pools import AUDITS, COMMANDS
from ledger.access.commands import NoteConsultation, NotePause, NoteRefusal, NoteUnknown
from ledger.access.events import (
    ClockConfirmed,
    CommandRefused,
    RecordsConsulted,
    ReferenceUnknown,
    RuleId,
    SenderPaused,
    TokenGranted,
    TokenRequestDeclined,
    TokenRequested,
    TokenRevoked,
)
from ledger.general.audiences import (
    BUREAU,
    PUBLIC,
    SHARED,
    SUPERVISING,
    SUPERVISORS,
    audiences_of_sender,
    knowers_of,
    units_named,
)
from ledger.general.personaldata import personal_data
from ledger.general.vocabulary import EntityId, PersonId, UnitId
from ledger.kernel import (
    Command,
    Context,
    Ledger,
    Outcome,
    Refusal,
    Unavailable,
    UnknownReference,
    budget,
    codec,
)
from ledger.kernel.contexts import make_context
from ledger.kernel.events import event_types
from ledger.kernel.folds import Selector
from ledger.kernel.messages import storable
from ledger.kernel.subjects import (
    hideable,
    hideable_tags,
    main_subject,
    make_tag,
    subject_fields,
    tag_extractor,
)
from projections.explain.trailindex import knowing_actor
from projections.source import Source, SourceUnavailable

T = TypeVar("T")

#: Longer paths and queries are shortened, in characters.
MAX_ASKED = 1_000

_SHORTENED = " …"

#: Places in a path or query that hold a person; the value must be a person token.
_PERSONS = frozenset({"{person}", "about_person"})
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
#: A year, month, day or moment.
_TIME = re.compile(
    r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?", re.ASCII
)
#: How many events about a subject are examined to find one that the asker may see.
MAX_LOOKED = 20
#: Ids of subjects are at most this long.
_LONGEST_ID = 120

#: Audiences to which every reader of the access ledger belongs.
_AUTHORITIES = frozenset({PUBLIC, SHARED, SUPERVISING})
#: Entries that every such reader may read: tokens, the clock, unknown references.
_READ_BY_ALL = tuple(
    event.TOPIC
    for event in (
        ReferenceUnknown,
        SenderPaused,
        TokenRequested,
        TokenRequestDeclined,
        TokenGranted,
        TokenRevoked,
        ClockConfirmed,
    )
)

#: Return whether a value fits the type or the listed words of a query parameter.
Fits = Callable[[str], bool]


class Audit:
    """Records refusals and consultations in the access ledger; does nothing without one."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._counter: Counter | None = None

    async def context(self, app: web.Application) -> AsyncIterator[None]:
        """Start with the application; close the access ledger when the application ends."""
        if self._ledger is not None:
            self._counter = Counter(self._ledger, asyncio.get_running_loop())
        yield
        if self._ledger is not None:
            await asyncio.to_thread(self._ledger.close)

    async def refused(
        self,
        app: web.Application,
        grant: Grant,
        command: Command,
        context: Context,
        answer: Refusal | UnknownReference,
    ) -> None:
        """Record that a rule refused a command, or that the command named something unknown."""
        if self._ledger is None:
            return
        if isinstance(answer, Refusal):
            source = Source(app[LEDGER].recorder)
            about = await COMMANDS.run(lambda: _about(source, command, grant))
            await self._note(grant, lambda: note_of(command, context, answer, *about))
        else:
            await self._note(grant, lambda: note_of_unknown(grant, command, answer))

    async def paused(self, grant: Grant, named: int) -> None:
        """Record that a sender named unknown subjects too often and must wait."""
        paused = SenderPaused(unit=msgspec.convert(grant.unit, UnitId), named=named)
        await self._note(grant, lambda: NotePause(pause=paused))

    async def consulted(
        self,
        grant: Grant,
        route: str,
        request: web.Request,
        fits: Mapping[str, Fits],
        *,
        anybody: bool = False,
    ) -> None:
        """Record that a supervisor reads something; with ``anybody``, that any caller does.

        ``fits`` maps each query parameter to a check of its values.
        """
        if self._ledger is None or (grant.role not in SUPERVISORS and not anybody):
            return
        if request[LINE].recorded and not anybody:
            return  # one opened page is one consultation
        given = {*request.match_info.values(), *request.query.values()}
        sources = Source(request.app[LEDGER].recorder), Source(self._ledger.recorder)
        subjects, withheld = await AUDITS.run(lambda: _known(*sources, given, grant))
        known = set(subjects)
        asked = _without_words(request, fits, known)
        entity = request.match_info.get("entity")
        await self._note(
            grant,
            lambda: NoteConsultation(
                consultation=RecordsConsulted(
                    unit=grant.unit,
                    route=route,
                    asked=asked if len(asked) <= MAX_ASKED else asked[:MAX_ASKED] + _SHORTENED,
                    entity=_as(EntityId, entity) if entity in known else None,
                    person=_as(PersonId, request.match_info.get("person")),
                    withheld_from=withheld,
                    subjects=tuple(sorted({tag for tags in subjects.values() for tag in tags})),
                )
            ),
        )

    async def execute(self, command: Command, grant: Grant, key: str | None = None) -> Outcome:
        """Let the access ledger decide an operator's command. Raises ``NotRecorded``."""
        if self._counter is None or self._ledger is None:
            raise Unavailable("http.service-started-without-access-ledger")
        context = make_context(
            command, grant.actor(), self._ledger.clock(), key=key, remembered=True
        )
        return await self._counter.execute(command, context)

    async def _note(self, grant: Grant, make: Callable[[], Command]) -> None:
        if self._ledger is not None:
            await self.execute(make(), grant)


def note_of(
    command: Command,
    context: Context,
    refusal: Refusal,
    subjects: tuple[str, ...] = (),
    withheld: tuple[str, ...] = (),
) -> NoteRefusal:
    """Return the command that records a refusal: its subjects and who may not know of them."""
    unit = getattr(command, "unit", None) or context.actor.unit_id
    return NoteRefusal(
        refusal=CommandRefused(
            unit=msgspec.convert(unit, UnitId),
            command=type(command).__name__,
            rule=msgspec.convert(refusal.rule.id, RuleId),
            code=refusal.code,
            details=storable(refusal.named),
            refused_command=context.command_id,
            policy_key=refusal.rule.policy_key,
            policy_version=refusal.policy_version,
            entity=_as(EntityId, getattr(command, "entity", None)),
            withheld_from=withheld,
            subjects=subjects,
        )
    )


def note_of_unknown(grant: Grant, command: Command, unknown: UnknownReference) -> NoteUnknown:
    """Return the command that records a reference which is unknown, or hidden from the sender.

    Both are recorded the same way: if only one were, its answer would take longer and reveal it.
    """
    return NoteUnknown(
        unknown=ReferenceUnknown(
            unit=msgspec.convert(grant.unit, UnitId),
            command=type(command).__name__,
            kind=unknown.kind,
        )
    )


class Readable:
    """Decides which access ledger entries a reader may read: they may know all of its subjects.

    A reader of sealed data may also read entries about ids that were never recorded. Other readers
    may not: a refused command, and the rule that refused it, can reveal a plan.
    """

    def __init__(self, ledger: Source, grant: Grant) -> None:
        self._ledger = ledger
        self._grant = grant
        self._everything = BUREAU in grant.audiences
        self._seen: dict[str, bool] = {}

    def may_read(self, topic: str, body: Mapping[str, Any]) -> bool:
        """Return whether the reader may at present know every subject of an entry."""
        if topic in _READ_BY_ALL:
            return True
        if self._grant.unit in body.get("withheld_from", ()):
            return False
        # Entries of an early version have no list of subjects.
        subjects = body.get("subjects")
        return self._everything if subjects is None else all(map(self._may_know, subjects))

    def names(self, access: Source, person: str) -> bool:
        """Return whether an entry that the reader may read names ``person`` as an acting person."""
        actor, holder = make_tag("actor", person), make_tag("holder", person)
        if access.after([Selector(_READ_BY_ALL, (tag,)) for tag in (actor, holder)], 0, 1):
            return True
        return any(
            self.may_read(line.event.type, codec.plain(line.event.data)["body"])
            for line in access.after([Selector((), (actor,))], 0, MAX_LOOKED)
        )

    def _may_know(self, tag: str) -> bool:
        if tag.endswith(":"):
            return self._everything
        if tag not in self._seen:
            budget.check()
            self._seen[tag] = (
                _seen(self._ledger, tag, self._grant)
                if hideable(tag)
                else _open_to(self._ledger, tag, self._grant) != "nobody"
            )
        return self._seen[tag]


def _without_words(request: web.Request, fits: Mapping[str, Fits], known: set[str]) -> str:
    """Return the request's path and query; values typed by the asker become ``WITHHELD``.

    Such values may identify a person, and entries are kept for ever. Only known subjects and the
    resource's own numbers, dates and listed words remain.
    """
    fits = {**fits, "{position}": is_number}

    def shown(place: str, value: str) -> str:
        if place in _PERSONS:
            stays = _as(PersonId, value) is not None
        else:
            stays = value in known or (
                personal_data(value) is None
                and (_TIME.fullmatch(value) is not None or (place in fits and fits[place](value)))
            )
        return value if stays else WITHHELD

    resource = request.match_info.route.resource
    path = "" if resource is None else resource.canonical
    for name, value in request.match_info.items():
        path = path.replace(f"{{{name}}}", shown(f"{{{name}}}", value))
    query = urlencode([(n, shown(n, value)) for n, value in request.query.items()], safe="/:")
    return f"{path}?{query}" if query else path


def is_number(value: str) -> bool:
    """Return whether this is a position, limit or count: too short to identify a person."""
    return _NUMBER.fullmatch(value) is not None


def _known(
    ledger: Source, access: Source, given: set[str], grant: Grant
) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Return which of the ``given`` values are subjects or persons that the asker may know.

    Each value comes with those of its tags that some authority may not know. The second result
    lists the units that may not know one of these tags. A value that the asker may not know, or
    that only events hidden from the asker mention, is treated like an unknown one: otherwise the
    entry in the access ledger would reveal it.
    """
    tags = {
        value: list(_tags(value))
        for value in given
        if len(value) <= _LONGEST_ID and value.isprintable()
    }

    readable = Readable(ledger, grant)

    def subjects(value: str) -> list[str] | None:
        """Return the tags that some authority may not know; ``None`` if the asker may not."""
        hidden = [tag for tag in tags[value] if hideable(tag) and _knows(ledger, tag, grant)]
        open_ones = [tag for tag in tags[value] if not hideable(tag)]
        if open_ones and ledger.tagged(open_ones):
            standing = {tag: _open_to(ledger, tag, grant) for tag in open_ones}
            if "all" in standing.values():
                return hidden
            hidden += [tag for tag, to in standing.items() if to == "asker"]
        if not hidden and f"actor:{value}" in tags[value] and readable.names(access, value):
            return []
        return hidden or None

    try:
        known = {value: hidden for value in tags if (hidden := subjects(value)) is not None}
    except SourceUnavailable as error:
        raise Unavailable("http.ledger-cannot-read-now") from error
    return known, _withheld(ledger, (tag for hidden in known.values() for tag in hidden))


def _about(
    ledger: Source, command: Command, grant: Grant
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the hideable subjects of a refused command, and the units that may not know them.

    For an id that nobody recorded only the kind is written down, because the id is the sender's
    own text. What a business wanted to report about a unit is withheld from that unit, as the
    report itself would have been.
    """
    tags = sorted(set(hideable_tags(command)))
    try:
        subjects = [tag if ledger.tagged([tag]) else f"{tag.partition(':')[0]}:" for tag in tags]
    except SourceUnavailable as error:
        raise Unavailable("http.ledger-cannot-read-now") from error
    withheld = set(_withheld(ledger, tags))
    if grant.role == "entity_rep":
        withheld.update(units_named(list(tag_extractor(type(command))(command))))
    return tuple(sorted(set(subjects))), tuple(sorted(withheld))


def _knows(ledger: Source, tag: str, grant: Grant) -> bool:
    """Return whether the asker may know a subject: it sees an event about it, or handles it."""
    knows = audiences_of_sender(grant.role, grant.unit, grant.person, grant.entity)
    # Most values name no subject, so the cheapest question comes first.
    if not ledger.tagged([tag]):
        return False
    if knows is None:
        return True
    for stored in ledger.after([Selector((), (tag,))], 0, MAX_LOOKED):
        record = codec.decode(stored.position, stored.event.data)
        known_to = knowers_of(record, stored.event.tags)
        if not knows.isdisjoint((*known_to, *record.event.known_to())):
            return True
    return False


def _open_to(ledger: Source, tag: str, grant: Grant) -> Literal["all", "asker", "nobody"]:
    """Return who knows a subject of a mostly open kind: a unit, a business, a badge.

    One of the first events about it decides; for an acting person, one of their first acts.
    """
    knows = audiences_of_sender(grant.role, grant.unit, grant.person, grant.entity)
    to: Literal["asker", "nobody"] = "nobody"
    for stored in ledger.after([Selector((), (tag,))], 0, MAX_LOOKED):
        record = codec.decode(stored.position, stored.event.data)
        tags, event = stored.event.tags, record.event
        if tag.startswith("actor:"):
            audiences = knowing_actor(record, tags, event.kept_from())
        else:
            audiences = (*knowers_of(record, tags), *event.known_to())
        if not _AUTHORITIES.isdisjoint(audiences):
            return "all"
        if knows is None or not knows.isdisjoint(audiences):
            to = "asker"
    return to


def _seen(ledger: Source, tag: str, grant: Grant) -> bool:
    """Return whether the asker may see one of the first events about a subject."""
    return any(
        grant.sees_stored(stored, codec.plain(stored.event.data))
        for stored in ledger.after([Selector((), (tag,))], 0, MAX_LOOKED)
    )


def _withheld(ledger: Source, tags: Iterable[str]) -> tuple[str, ...]:
    """Return the units that may not know one of these subjects, by the first event about each."""
    units: set[str] = set()
    try:
        for tag in tags:
            for stored in ledger.after([Selector((), (tag,))], 0, 1):
                event = codec.decode(stored.position, stored.event.data).event
                if main_subject(event) == tag:
                    units.update(event.kept_from())
    except SourceUnavailable as error:
        raise Unavailable("http.ledger-cannot-read-now") from error
    return tuple(sorted(units))


def _tags(value: str) -> Iterator[str]:
    """Yield the tags that a subject of this name would have; it may be a whole tag itself.

    A value that looks like an identity number can only be a business or a badge id: both are
    public by law.
    """
    kinds = _kinds() if personal_data(value) is None else ("entity", "officer")
    yield from (make_tag(kind, value) for kind in kinds)
    if value.partition(":")[0] in kinds:
        yield value


@cache
def _kinds() -> tuple[str, ...]:
    """Return the kinds of subjects that any event names, and that of who acts."""
    fields = (subject_fields(cls) for cls in event_types().values())
    return tuple(sorted({"actor", *(kind for names in fields for _, kind in names if kind)}))


def _as(kind: Any, given: Any) -> str | None:
    """Return ``given`` if it is a valid id of this kind, else ``None``."""
    try:
        subject: str | None = msgspec.convert(given, kind | None)
    except msgspec.ValidationError:
        return None
    return subject


AUDIT = web.AppKey("audit", Audit)
