"""Audiences: names that say who may see an event.

Only this module defines what each visibility means (rulebook 0.2, 2.17). An event has a few
audiences, a reader has a few, and the reader may see the event if they share one. All code that
shows events asks this module. An index by audience lets a page read only the events that its reader
may see.

========================  ====================================================
audience                  who has it
========================  ====================================================
``public``                everybody
``shared``                every authority
``supervisors``           the supervising offices, which work across all units
``bureau``                the Justice Bureau's supervisors, who also see sealed events
``other-supervisors``     the supervising offices except the Justice Bureau, for events that it
                          must not see
``unit:<unit id>``        the unit that recorded an event, or that it concerns
``entity:<entity id>``    the business that an event is about
========================  ====================================================

Two more audiences let the sender of a command know that a subject exists. They show no event:

===========================  =================================================
audience                     who has it
===========================  =================================================
``handler:<unit id>``        the body that handles a complaint, recorded a person's
                             data or subscribes to a feed
``recorder:<unit>/<person>`` the person who recorded an event about the subject
===========================  =================================================

No reader has two of the audiences of one event, so a reader that merges the rows of several
audiences meets each event once.

An event about a credit record or a decision is never read as public, even if an earlier version of
the program recorded it as public. The public reads the pages that show current records instead
(``visibility_of``).

In addition, an event may name units that must not see it in any role (``Event.kept_from``): a
complaint names the accused unit, which may be the Justice Bureau. This does not apply to public and
shared events.
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

#: The Justice Bureau as a unit: plans are filed with it, and complaints may be about it.
BUREAU_UNIT = "JB"

#: Who reads monthly reports and scores, in addition to the unit that they are about (2.14).
FIGURES_READ_BY = frozenset({BUREAU_UNIT, "RLO"})

#: The roles that supervise the whole region.
SUPERVISORS: frozenset[Role] = frozenset(
    {"jb_supervisor", "rlo_assessor", "recon_officer", "ledger_clock"}
)
_ACROSS_UNITS = SUPERVISORS | {"credit_officer"}

#: The roles that see only what concerns their own unit.
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

#: Tags of events that are about a unit, though they may name a business: findings, filings and
#: joint visits. The business must not see them, because they could announce a planned visit. It
#: reads what took place in each unit's own steps.
_UNITS_OWN = ("finding:", "filing:", "joint:")


#: Tags of subjects that may end. The public reads them on pages that show the current state,
#: because an event that was published cannot be taken back.
_MAY_END = ("record:", "decision:")


def visibility_of(topic: str, visibility: Visibility, tags: Collection[str]) -> Visibility:
    """Return the visibility with which a recorded event is read; ``visibility`` is its envelope's.

    Earlier versions of the program recorded events about credit records and decisions, and their
    corrections, as public. After such a record has ended, above all by a repair, nothing about it
    may be public (rulebook 2.17). So these events are read as shared among authorities, as they
    are recorded now. An event whose type is narrower now (``Event.NARROWED``) is read as the type
    says. The stored bytes do not change.
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

    ``visibility`` is the one that ``visibility_of`` gives. ``tags`` are the event's stored tags,
    ``kind:id`` each. ``kept_from`` are the units that must not see it; a public or shared event
    ignores them.
    """
    if visibility == "public":
        return (PUBLIC,)
    if visibility == "sealed":
        # The unit that recorded it may see it; the business that is to be visited may not.
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
    """Return the units that must not see a stored event.

    ``visibility`` is the one in its envelope. If this program cannot read a sealed record, return
    every unit that its tags name.
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
    """Return the units that tags name; an unreadable record may accuse any of them."""
    return tuple(sorted(tag.removeprefix("unit:") for tag in tags if tag.startswith("unit:")))


def audiences_for(role: str, unit: str, entity: str | None = None) -> frozenset[str]:
    """Return the audiences of a person of ``unit`` in ``role``.

    ``entity``: the business that an ``entity_rep`` acts for. Any other role, such as the operator,
    sees only public events.
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
    """Return the audiences that know of an event with these tags: its readers and its recorder."""
    envelope, event = record.envelope, record.event
    actor, kept_from = envelope.actor, event.kept_from()
    visibility = visibility_of(envelope.type, envelope.visibility, tags)
    audiences = audiences_of(visibility, actor.unit_id, tags, kept_from)
    if actor.unit_id in kept_from:
        return audiences
    businesses: tuple[str, ...] = ()
    if actor.role == "entity_rep":
        # Its representatives act only for the business, so all of them know what one recorded.
        businesses = tuple(tag for tag in tags if tag.startswith("entity:"))
    return (*audiences, *businesses, f"recorder:{actor.unit_id}/{actor.person_id}")


@lru_cache(maxsize=4096)  # the same people send one command after another
def audiences_of_sender(
    role: str, unit: str, person: str, entity: str | None = None
) -> frozenset[str] | None:
    """Return the audiences of a sender of commands; ``None`` for the clock, which knows everything.

    In addition to what its token may read, a sender knows the subjects that it recorded itself, and
    an authority knows those that it handles.
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
