"""Who was refused what, who named what is not there for them, and which supervisor looked at what
(rulebook 0.9): taken down at once.

It goes into a ledger of its own on the same kernel, before the answer leaves: nobody is shown
anything as a supervisor who cannot be taken down.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from api.http.keys import LEDGER
from api.http.tokens import Grant
from api.http.visibility import WITHHELD, may_see_stored
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
    audiences_for,
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

#: The longest path and query that is kept whole.
MAX_ASKED = 1_000

_SHORTENED = " …"

#: Where a person is named, in a path or a query: by a token, and by nothing else.
_PERSONS = frozenset({"{person}", "about_person"})
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
#: A year, a month, a day, a moment.
_TIME = re.compile(
    r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?", re.ASCII
)
#: Events about a subject that are looked at for one that the asker may see.
MAX_LOOKED = 20
#: No id of a subject is longer.
_LONGEST_ID = 120

#: What all readers of the access ledger may see.
_AUTHORITIES = frozenset({PUBLIC, SHARED, SUPERVISING})
#: Lines that all of them read: those about tokens, the clock, and what is not there.
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

#: Whether a value is of a query parameter's own type and words.
Fits = Callable[[str], bool]


class Audit:
    """Takes down refusals and consultations in the access ledger; nothing without one."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._counter: Counter | None = None

    async def context(self, app: web.Application) -> AsyncIterator[None]:
        """Open for as long as the application runs; closes the access ledger at its end."""
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
        """Take down that a rule refused a command, or that it named what is not there."""
        if self._ledger is None:
            return
        if isinstance(answer, Refusal):
            source = Source(app[LEDGER].recorder)
            about = await COMMANDS.run(lambda: _about(source, command, grant))
            await self._note(grant, lambda: note_of(command, context, answer, *about))
        else:
            await self._note(grant, lambda: note_of_unknown(grant, command, answer))

    async def paused(self, grant: Grant, named: int) -> None:
        """Take down that a sender named too often what is not there, and has to wait."""
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
        """Take down that a supervisor looks at something, or with ``anybody`` that anybody does.

        ``fits`` tells of the query's parameters what may stand there.
        """
        if self._ledger is None or (grant.role not in SUPERVISORS and not anybody):
            return
        said = {*request.match_info.values(), *request.query.values()}
        sources = Source(request.app[LEDGER].recorder), Source(self._ledger.recorder)
        subjects, withheld = await AUDITS.run(lambda: _known(*sources, said, grant))
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
        """Have the access ledger decide a command of an operator. Raises ``NotRecorded``."""
        if self._counter is None or self._ledger is None:
            raise Unavailable("this service was started without an access ledger")
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
    """What is taken down of a refusal: its subjects, and which units may not know of them."""
    unit = getattr(command, "unit", None) or context.actor.unit_id
    return NoteRefusal(
        refusal=CommandRefused(
            unit=msgspec.convert(unit, UnitId),
            command=type(command).__name__,
            rule=msgspec.convert(refusal.rule.id, RuleId),
            message=refusal.message[:MAX_ASKED],
            refused_command=context.command_id,
            policy_key=refusal.rule.policy_key,
            policy_version=refusal.policy_version,
            entity=_as(EntityId, getattr(command, "entity", None)),
            withheld_from=withheld,
            subjects=subjects,
        )
    )


def note_of_unknown(grant: Grant, command: Command, unknown: UnknownReference) -> NoteUnknown:
    """What is taken down of a command that names what its sender may not know, or what nobody has.

    The same for both: if only one were written, its answer would take longer.
    """
    return NoteUnknown(
        unknown=ReferenceUnknown(
            unit=msgspec.convert(grant.unit, UnitId),
            command=type(command).__name__,
            kind=unknown.kind,
        )
    )


class Readable:
    """Which lines of the access ledger a reader may read: those about nothing they may not know.

    Who reads what is sealed may read of what was never recorded too; the others may not, because a
    refusal of something planned, and the rule that refused it, tell of it.
    """

    def __init__(self, ledger: Source, grant: Grant) -> None:
        self._ledger = ledger
        self._grant = grant
        self._everything = BUREAU in audiences_for(grant.role, grant.unit, grant.entity)
        self._seen: dict[str, bool] = {}

    def may_read(self, topic: str, body: Mapping[str, Any]) -> bool:
        """Whether the reader may know every subject of a line, as things are now."""
        if topic in _READ_BY_ALL:
            return True
        if self._grant.unit in body.get("withheld_from", ()):
            return False
        # An earlier program did not write down what the line is about.
        subjects = body.get("subjects")
        return self._everything if subjects is None else all(map(self._may_know, subjects))

    def names(self, access: Source, person: str) -> bool:
        """Whether a line that the reader may read says that somebody acts or acted."""
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
    """What was asked, without words of the asker's own: they may say who a person is, and stay.

    What stays is what the ledger has as a subject anyway, and what belongs to the resource: its
    numbers, dates and words.
    """
    fits = {**fits, "{position}": is_number}

    def shown(place: str, said: str) -> str:
        if place in _PERSONS:
            stays = _as(PersonId, said) is not None
        else:
            stays = said in known or (
                personal_data(said) is None
                and (_TIME.fullmatch(said) is not None or (place in fits and fits[place](said)))
            )
        return said if stays else WITHHELD

    resource = request.match_info.route.resource
    path = "" if resource is None else resource.canonical
    for name, said in request.match_info.items():
        path = path.replace(f"{{{name}}}", shown(f"{{{name}}}", said))
    query = urlencode([(n, shown(n, said)) for n, said in request.query.items()], safe="/:")
    return f"{path}?{query}" if query else path


def is_number(said: str) -> bool:
    """Whether this is a position, a limit, a count: shorter than what would reach somebody."""
    return _NUMBER.fullmatch(said) is not None


def _known(
    ledger: Source, access: Source, said: set[str], grant: Grant
) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """What of that which was said is a subject that the asker may know, or somebody who acts.

    What the asker may not know is as what is not there: else its line in the access ledger would
    tell. So is what only such events name as the asker may not see. Each comes with the tags of
    those of its subjects that others may not know; and there are the units that may not know of
    one of these.
    """
    tags = {s: list(_tags(s)) for s in said if len(s) <= _LONGEST_ID and s.isprintable()}

    readable = Readable(ledger, grant)

    def subjects(one: str) -> list[str] | None:
        """Those that not every authority knows; ``None`` of what the asker does not know."""
        found = [tag for tag in tags[one] if hideable(tag) and _knows(ledger, tag, grant)]
        open_ones = [tag for tag in tags[one] if not hideable(tag)]
        if open_ones and ledger.tagged(open_ones):
            standing = {tag: _open_to(ledger, tag, grant) for tag in open_ones}
            if "all" in standing.values():
                return found
            found += [tag for tag, to in standing.items() if to == "asker"]
        if not found and f"actor:{one}" in tags[one] and readable.names(access, one):
            return []
        return found or None

    try:
        known = {one: found for one in tags if (found := subjects(one)) is not None}
    except SourceUnavailable as error:
        raise Unavailable("the ledger cannot be read now; ask again") from error
    return known, _withheld(ledger, (tag for found in known.values() for tag in found))


def _about(
    ledger: Source, command: Command, grant: Grant
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The subjects of a refused command that can be hidden, and the units that may not know.

    An id that nobody recorded is the sender's own word and is not written down; its kind is. What
    a business wanted to report of a unit is kept from that unit, as the report would have been.
    """
    tags = sorted(set(hideable_tags(command)))
    try:
        subjects = [tag if ledger.tagged([tag]) else f"{tag.partition(':')[0]}:" for tag in tags]
    except SourceUnavailable as error:
        raise Unavailable("the ledger cannot be read now; ask again") from error
    withheld = set(_withheld(ledger, tags))
    if grant.role == "entity_rep":
        withheld.update(units_named(list(tag_extractor(type(command))(command))))
    return tuple(sorted(set(subjects))), tuple(sorted(withheld))


def _knows(ledger: Source, tag: str, grant: Grant) -> bool:
    """Whether the asker may know a subject: by an event that it sees, or because it handles it."""
    knows = audiences_of_sender(grant.role, grant.unit, grant.person, grant.entity)
    if knows is None:
        return ledger.tagged([tag])
    for stored in ledger.after([Selector((), (tag,))], 0, MAX_LOOKED):
        record = codec.decode(stored.position, stored.event.data)
        known_to = knowers_of(record, stored.event.tags)
        if not knows.isdisjoint((*known_to, *record.event.known_to())):
            return True
    return False


def _open_to(ledger: Source, tag: str, grant: Grant) -> Literal["all", "asker", "nobody"]:
    """Which authorities know a subject of a kind that is mostly known: a unit, a business, a badge.

    One of the first events about it says so; of a person who acts, one of their first acts.
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
    """Whether one of the first events about a subject is one that the asker may see."""
    return any(
        may_see_stored(grant, stored, codec.plain(stored.event.data))
        for stored in ledger.after([Selector((), (tag,))], 0, MAX_LOOKED)
    )


def _withheld(ledger: Source, tags: Iterable[str]) -> tuple[str, ...]:
    """The units that may not know of one of these subjects, by the first event about each."""
    units: set[str] = set()
    try:
        for tag in tags:
            for found in ledger.after([Selector((), (tag,))], 0, 1):
                event = codec.decode(found.position, found.event.data).event
                if main_subject(event) == tag:
                    units.update(event.kept_from())
    except SourceUnavailable as error:
        raise Unavailable("the ledger cannot be read now; ask again") from error
    return tuple(sorted(units))


def _tags(said: str) -> Iterator[str]:
    """The tags under which a subject of this name would stand; it may be a whole tag itself.

    What looks like a person's number can only be a business's, or a badge id: both are public by
    law.
    """
    kinds = {"entity", "officer"}
    if personal_data(said) is None:
        fields = (subject_fields(cls) for cls in event_types().values())
        kinds = {"actor", *(kind for found in fields for _, kind in found if kind)}
    yield from (make_tag(kind, said) for kind in kinds)
    if said.partition(":")[0] in kinds:
        yield said


def _as(kind: Any, given: Any) -> str | None:
    """The id of a subject, if what was sent is one: what cannot be read back is not written."""
    try:
        found: str | None = msgspec.convert(given, kind | None)
    except msgspec.ValidationError:
        return None
    return found


AUDIT = web.AppKey("audit", Audit)
