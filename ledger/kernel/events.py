"""Events: facts in the past tense, and the envelope that says who, when and under which rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, dataclass_transform
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from ledger.kernel.subjects import tag_extractor

#: Civil dates of the ledger are dates in this zone (domain rulebook 0.12).
CIVIL_ZONE = ZoneInfo("Asia/Shanghai")

#: Replaces the person in an event that is recorded in the name of a unit.
UNNAMED = "unnamed"

Visibility = Literal["public", "shared", "restricted", "sealed"]

#: A date and time with its offset; one without an offset is refused.
Moment = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339 date-time with offset")]


#: Marks a field of free text, so that it is checked for personal data before it is recorded.
WRITTEN = msgspec.Meta(extra={"words": True})


class KeywordStruct(msgspec.StructMeta):
    """Metaclass that makes the fields of every subclass keyword-only and frozen."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any
    ) -> Any:
        config.setdefault("kw_only", True)
        config.setdefault("frozen", True)
        # Immutable trees have no cycles, so the garbage collector need not visit them. A ledger
        # keeps very many of them.
        config.setdefault("gc", False)
        return super().__new__(mcls, name, bases, namespace, **config)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, metaclass=KeywordStruct, frozen=True, forbid_unknown_fields=True):
    """A part of an event or command: immutable, compared by value."""


class Actor(Value):
    """Who acted: a person of a unit, in a role."""

    unit_id: str
    person_id: str
    role: str


class LegalRef(Value):
    """A reference to law: instrument, article, and the date of the text if it matters."""

    instrument: Annotated[str, WRITTEN]
    article: Annotated[str, WRITTEN] | None = None
    effective_on: date | None = None


class Provenance(Value):
    """Where an imported fact came from, and since when its source knew it.

    ``known_at`` is the time since which the source knew the fact; a replay by what was known uses
    it instead of the recording time. ``digest`` is the SHA-256 (hex) of the source row's bytes.
    ``opening`` marks an opening fact, taken from the system that this ledger replaced; it is the
    day of the takeover. It is stored only if it is set.
    """

    source: str
    file: str
    row: int
    digest: str
    known_at: Moment | None = None
    opening: date | msgspec.UnsetType = msgspec.UNSET


class Envelope(Value, omit_defaults=True):
    """The fields that every stored record has besides its body (rulebook 0.2).

    The position is not stored in the record, because only the successful append knows it. The
    Merkle log proves it.
    """

    event_id: UUID
    type: str
    schema_version: int
    occurred_at: Moment
    recorded_at: Moment
    actor: Actor
    correlation_id: UUID
    command_id: str
    visibility: Visibility
    legal_basis: tuple[LegalRef, ...] = ()
    policy_refs: dict[str, int] = {}
    causation_id: UUID | None = None
    request_digest: str | None = None
    provenance: Provenance | None = None

    @property
    def known_at(self) -> datetime:
        """When the fact was first known: to the source of an import, else to the ledger."""
        if self.provenance is not None and self.provenance.known_at is not None:
            return self.provenance.known_at
        return self.recorded_at


Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Event(
    msgspec.Struct,
    metaclass=KeywordStruct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """An immutable fact.

    A subclass declares ``TOPIC`` (``"<system>.<past-tense-fact>"``), which never changes and is
    never reused. When its fields change, increase ``VERSION`` and add to ``UPCASTERS`` a function
    that converts a body map of the previous version. A subclass with an empty ``TOPIC`` is not an
    event: it holds fields that several events share.
    """

    TOPIC: ClassVar[str]
    VERSION: ClassVar[int] = 1
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {}
    VISIBILITY: ClassVar[Visibility] = "restricted"
    #: Whether events that an earlier program recorded as public now have ``VISIBILITY`` instead.
    NARROWED: ClassVar[bool] = False
    #: The body fields that report a fact and may be corrected, in addition to ``occurred_at``.
    #: Decisions and the inputs of rules may not be corrected: they have commands of their own.
    CORRECTABLE: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **config: Any) -> None:
        super().__init_subclass__(**config)
        topic = cls.__dict__.get("TOPIC")
        if topic is None:
            raise TypeError(f"{cls.__name__} must declare a TOPIC")
        if not topic:
            return
        known = _TOPICS.setdefault(topic, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"TOPIC {topic!r} of {cls.__name__} is taken by {known.__name__}")
        _TOPICS[topic] = cls

    def visibility(self) -> Visibility:
        """Return who may see this event; a subclass whose fields decide it overrides this."""
        return self.VISIBILITY

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not see this event, even if another rule lets them."""
        return ()

    def known_to(self) -> tuple[str, ...]:
        """Return the audiences that know this event's subject though they may not read the event.

        The API shows them the subject, so a command's answer need not hide it from them.
        """
        return ()

    def tags(self) -> list[str]:
        """Return the subjects of this event as tags, without repeats, in field order."""
        tags = tag_extractor(type(self))(self)
        return list(dict.fromkeys(tags)) if len(tags) > 1 else tags


_TOPICS: dict[str, type[Event]] = {}


def event_type(topic: str) -> type[Event]:
    """Return the event class of ``topic``. Raises ``KeyError`` if this program has none."""
    return _TOPICS[topic]


def event_types() -> Mapping[str, type[Event]]:
    """Return every event class of the program by its topic."""
    return dict(_TOPICS)


class Fact(msgspec.Struct, frozen=True, gc=False):
    """An event, with the envelope fields that differ from those of its command.

    An imported fact has its own ``occurred_at`` and ``provenance``. ``unnamed``: record the event
    in the name of the actor's unit without the person, because outsiders receive its bytes whole;
    another event of the same command then names the person. ``for_unit``: record it without the
    person and in the name of this other unit, because the matter is that unit's alone.
    """

    event: Event
    occurred_at: datetime | None = None
    provenance: Provenance | None = None
    causation_id: UUID | None = None
    unnamed: bool = False
    for_unit: str | None = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event with its envelope and its place in the ledger (from 1, without gaps)."""

    position: int
    envelope: Envelope
    event: Event

    @property
    def occurred_on(self) -> date:
        """The civil date on which the fact happened."""
        return civil_date(self.envelope.occurred_at)

    @property
    def opening(self) -> date | None:
        """The day on which this ledger took over, for an opening fact; ``None`` for others."""
        provenance = self.envelope.provenance
        if provenance is None or provenance.opening is msgspec.UNSET:
            return None
        return provenance.opening

    @property
    def unjudged_until(self) -> date | None:
        """The last due date that this ledger does not judge, for an opening fact; else ``None``.

        The other system was responsible for what was due by the day of the takeover, and nothing
        could be reported here before the opening fact was recorded.
        """
        if self.opening is None:
            return None
        return max(self.opening, civil_date(self.envelope.recorded_at) - _ONE_DAY)


_ONE_DAY = timedelta(days=1)


def civil_date(moment: datetime) -> date:
    """Return the civil date of a moment."""
    return moment.astimezone(CIVIL_ZONE).date()


def civil_moment(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """Return the moment at which civil time is ``hour:minute`` on ``day``."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CIVIL_ZONE)
