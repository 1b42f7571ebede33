"""Records: the stored form of the facts that a command decided, and the outcome made of them."""

from __future__ import annotations

from uuid import UUID

import msgspec
from eventsourcing.dcb.api import DCBEvent
from msgspec.structs import replace

from ledger.kernel import codec
from ledger.kernel.clock import uuid7
from ledger.kernel.commands import Command, Context
from ledger.kernel.events import UNNAMED, Actor, Envelope, Event, Fact, Recorded
from ledger.kernel.inquiry import Inquiry


class Outcome(msgspec.Struct, frozen=True):
    """What a command recorded.

    ``position`` is that of its last event, or the head of the ledger if it recorded none.
    ``repeated``: the command id was known, and ``events`` are those recorded the first time.
    """

    position: int
    events: tuple[Recorded, ...]
    repeated: bool = False


def make_records(
    command: Command, context: Context, inquiry: Inquiry, facts: list[Fact], after: int
) -> list[tuple[Recorded, DCBEvent]]:
    """Return the records of a command's facts, each with its stored event, from ``after + 1`` on.

    Raises ``TypeError`` if no record would name the sender, and ``codec.RecordTooLarge`` for a
    record that is too large.
    """
    if facts and all(fact.unnamed or fact.for_unit for fact in facts):
        raise TypeError(f"{type(command).__name__} must name its sender in at least one event")
    made: list[tuple[Recorded, DCBEvent]] = []
    first_id: UUID | None = None
    for position, fact in enumerate(facts, after + 1):
        event = fact.event
        envelope = Envelope(
            event_id=uuid7(inquiry.now),
            type=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=fact.occurred_at or inquiry.at,
            recorded_at=inquiry.now,
            actor=_actor_of(fact, context.actor),
            correlation_id=context.correlation_id,
            command_id=context.command_id,
            visibility=event.visibility(),
            legal_basis=inquiry.legal_basis,
            policy_refs=inquiry.policy_refs,
            # The first event of a command causes the others.
            causation_id=fact.causation_id or first_id or context.causation_id,
            request_digest=context.request_digest if first_id is None else None,
            provenance=fact.provenance,
        )
        tags = tags_of(envelope, event, first=first_id is None)
        first_id = first_id or envelope.event_id
        stored = DCBEvent(type=event.TOPIC, data=codec.encode(envelope, event), tags=tags)
        made.append((Recorded(position, envelope, event), stored))
    return made


def _actor_of(fact: Fact, sender: Actor) -> Actor:
    """Return the actor in whose name a fact is recorded."""
    if fact.for_unit is not None:
        return replace(sender, unit_id=fact.for_unit, person_id=UNNAMED)
    return replace(sender, person_id=UNNAMED) if fact.unnamed else sender


def tags_of(envelope: Envelope, event: Event, *, first: bool) -> list[str]:
    """Return the tags of a stored event: its subjects, its actor, its command.

    Only the ``first`` event of a command carries the command's tag: the others follow it without
    a gap. Imported events carry no actor tag: an import names its operator in its own events.
    """
    tags = event.tags()
    if envelope.provenance is None and envelope.actor.person_id != UNNAMED:
        actor = f"actor:{envelope.actor.person_id}"
        if actor not in tags:  # a field of the event may name the same actor
            tags.append(actor)
    if first:
        tags.append(f"command:{envelope.command_id}")
    return tags


def moved(
    answers: list[Outcome | BaseException], by: int, above: int
) -> list[Outcome | BaseException]:
    """Return the answers with ``by`` added to every position greater than ``above``."""

    def shifted(answer: Outcome | BaseException) -> Outcome | BaseException:
        if isinstance(answer, BaseException) or answer.position <= above:
            return answer
        return Outcome(
            answer.position + by,
            tuple(
                Recorded(r.position + by if r.position > above else r.position, r.envelope, r.event)
                for r in answer.events
            ),
            answer.repeated,
        )

    return [shifted(answer) for answer in answers]
