"""Audiences: who may see an event, as a set of names that a reader either has or has not.

The one place that says what each visibility means (rulebook 0.2, 2.17). A recorded event has a few
audiences, a reader has a few, and the reader may see the event if they share one. Everything that
shows events asks here, and an index can be kept by audience, so that a page reads nothing but what
its reader may see.

========================  ====================================================
audience                  who has it
========================  ====================================================
``public``                everybody
``shared``                every authority: what the units tell each other
``supervisors``           the offices whose work lies across all units
``bureau``                the Justice Bureau's supervisors, who see what is sealed
``other-supervisors``     those offices but for the Justice Bureau, of what is kept from it
``unit:<unit id>``        the unit that recorded an event, or that it concerns
``entity:<entity id>``    the business that an event is about
========================  ====================================================

Who may send a command about a subject can know of it by two more, which show no event:

===========================  =================================================
audience                     who has it
===========================  =================================================
``handler:<unit id>``        the body that handles a complaint, took a person's data
                             down or subscribes to a feed
``recorder:<unit>/<person>`` who recorded an event about the subject
===========================  =================================================

The audiences of one event overlap in no reader: a reader that merges the rows of several audiences
meets each event once.

What tells of a record or of a decision is never read as public, whatever an earlier version of the
program recorded: the public reads the pages of what is shown now (``visibility_of``).

An event may be kept from a unit besides: a complaint from the unit that it accuses, the Justice
Bureau included. The event says so by ``Event.kept_from``, and nobody of that unit sees it in any
role. What is public or shared is kept from nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from ledger.general.vocabulary import Role
from ledger.kernel import Event, Recorded, Visibility, codec
from ledger.kernel.events import event_types

PUBLIC = "public"
SHARED = "shared"
SUPERVISING = "supervisors"
BUREAU = "bureau"
OTHERS = "other-supervisors"

#: The Justice Bureau as a unit: plans are filed to it, and complaints may be about it.
BUREAU_UNIT = "JB"

#: Where monthly reports and scores go, besides the unit that they are of (2.14).
FIGURES_READ_BY = frozenset({BUREAU_UNIT, "RLO"})

#: They supervise the whole region, or work across all units.
SUPERVISORS: frozenset[Role] = frozenset(
    {"jb_supervisor", "rlo_assessor", "recon_officer", "ledger_clock"}
)
_ACROSS_UNITS = SUPERVISORS | {"credit_officer"}

#: They see what concerns their own unit.
UNIT_BOUND: frozenset[Role] = frozenset(
    {
        "enforcement_officer",
        "office_head",
        "unit_legal_office",
        "unit_head",
        "draw_coordinator",
        "park_committee",
    }
)

#: What is about a unit, though it may name a business. The unit answers findings, asks for a visit
#: with a filing, and several units agree on a joint visit: each would announce a planned visit.
#: What took place the business reads in each unit's own steps.
_UNITS_OWN = ("finding:", "filing:", "joint:")


#: What may end: the public reads it where it is shown now, since a feed cannot unsay.
_MAY_END = ("record:", "decision:")


def visibility_of(topic: str, visibility: Visibility, tags: Collection[str]) -> Visibility:
    """Return the visibility with which a recorded event is read; ``visibility`` is its envelope's.

    Earlier versions of the program recorded as public what tells of credit records and decisions,
    and so did corrections of that. After an end, a repair above all, nothing of it may be public
    (rulebook 2.17). Such an event is read as its type is recorded now: shared among authorities.
    What a type has narrowed since (``Event.NARROWED``) is read as narrower. The bytes stay.
    """
    if visibility != "public":
        return visibility
    cls = event_types().get(topic)
    if cls is None or cls.VISIBILITY == "public":
        return "public"
    if cls.NARROWED:
        return cls.VISIBILITY
    return "shared" if any(tag.startswith(_MAY_END) for tag in tags) else "public"


def audiences_of(
    visibility: Visibility,
    recorded_by: str,
    tags: Collection[str],
    kept_from: Collection[str] = (),
) -> tuple[str, ...]:
    """Return the audiences of an event that the unit ``recorded_by`` recorded.

    ``visibility`` is the one that ``visibility_of`` gives.
    ``tags`` are the event's stored tags, ``kind:id`` each; ``kept_from`` are the units that must
    not see it, whatever else lets them; what is public or shared is kept from nobody.
    """
    if visibility == "public":
        return (PUBLIC,)
    if visibility == "sealed":
        # The unit that recorded it knows it; the business that a planned visit concerns does not.
        sealed = []
        if BUREAU_UNIT not in kept_from:
            sealed.append(BUREAU)
        if recorded_by not in kept_from:
            sealed.append(f"unit:{recorded_by}")
        return tuple(sealed)
    businesses: tuple[str, ...] = ()
    if not any(tag.startswith(_UNITS_OWN) for tag in tags):
        businesses = tuple(sorted({tag for tag in tags if tag.startswith("entity:")}))
    if visibility == "shared":
        return (SHARED, *businesses)
    units = {f"unit:{recorded_by}", *(tag for tag in tags if tag.startswith("unit:"))}
    units -= {f"unit:{unit}" for unit in kept_from}
    supervising = OTHERS if BUREAU_UNIT in kept_from else SUPERVISING
    return (supervising, *sorted(units), *businesses)


def kept_from(
    topic: str, visibility: str | None, tags: Collection[str], data: bytes
) -> tuple[str, ...]:
    """Return the units that a stored event is kept from.

    ``visibility`` is the one in its envelope. A sealed record that this program cannot read is
    kept from every unit that its tags name.
    """
    if visibility in ("public", "shared"):
        return ()
    cls = event_types().get(topic)
    if cls is not None and cls.kept_from is Event.kept_from:
        return ()
    try:
        return codec.decode(0, data).event.kept_from()
    except codec.UnreadableRecord:
        return units_named(tags) if visibility == "sealed" else ()


def units_named(tags: Collection[str]) -> tuple[str, ...]:
    """Return the units that tags name: whom a record may accuse that nobody can read."""
    return tuple(sorted(tag.removeprefix("unit:") for tag in tags if tag.startswith("unit:")))


def audiences_for(role: str, unit: str, entity: str | None = None) -> frozenset[str]:
    """Return the audiences that somebody of ``unit`` has in ``role``.

    ``entity``: the business that an ``entity_rep`` acts for. A role that is not known here, the
    operator's among them, has what everybody has.
    """
    if role == "jb_supervisor":
        return frozenset({PUBLIC, SHARED, SUPERVISING, BUREAU})
    if role in _ACROSS_UNITS:
        return frozenset({PUBLIC, SHARED, SUPERVISING, OTHERS})
    if role in UNIT_BOUND:
        return frozenset({PUBLIC, SHARED, f"unit:{unit}"})
    if role == "entity_rep" and entity is not None:
        return frozenset({PUBLIC, f"entity:{entity}"})
    return frozenset({PUBLIC})


def knowers_of(record: Recorded, tags: Collection[str]) -> tuple[str, ...]:
    """Return the audiences that know of an event with these tags: who may see or recorded it."""
    envelope, event = record.envelope, record.event
    actor, kept_from = envelope.actor, event.kept_from()
    visibility = visibility_of(envelope.type, envelope.visibility, tags)
    audiences = audiences_of(visibility, actor.unit_id, tags, kept_from)
    if actor.unit_id in kept_from:
        return audiences
    businesses: tuple[str, ...] = ()
    if actor.role == "entity_rep":
        # It acts for its business alone: what one of its people records, the others know.
        businesses = tuple(tag for tag in tags if tag.startswith("entity:"))
    return (*audiences, *businesses, f"recorder:{actor.unit_id}/{actor.person_id}")


@lru_cache(maxsize=4096)  # the same people send one command after another
def audiences_of_sender(
    role: str, unit: str, person: str, entity: str | None = None
) -> frozenset[str] | None:
    """Return the audiences of a sender of commands; ``None`` for the clock, who knows everything.

    Beyond what its token may read, a sender knows what it recorded itself; an authority knows what
    it handles.
    """
    if role == "ledger_clock":
        return None
    own = {f"recorder:{unit}/{person}"}
    if role not in ("entity_rep", "public"):
        own.add(f"handler:{unit}")
    return audiences_for(role, unit, entity) | own


__all__ = [
    "BUREAU",
    "BUREAU_UNIT",
    "FIGURES_READ_BY",
    "OTHERS",
    "PUBLIC",
    "SHARED",
    "SUPERVISING",
    "SUPERVISORS",
    "UNIT_BOUND",
    "audiences_for",
    "audiences_of",
    "audiences_of_sender",
    "knowers_of",
    "kept_from",
    "units_named",
    "visibility_of",
]
