"""Records: what a decision's facts become when they are stored, and the answer made of them."""

from __future__ import annotations

from uuid import UUID

import msgspec
from eventsourcing.dcb.api import DCBEvent
from msgspec.structs import replace

from ledger.kernel import codec
from ledger.kernel.clock import uuid7
from ledger.kernel.commands import Command, Context, Reading
from ledger.kernel.events import UNNAMED, Actor, Envelope, Event, Fact, Recorded


class Outcome(msgspec.Struct, frozen=True):
    """What a command recorded. ``position`` is the last event's, or the head if it recorded none.

    ``repeated``: the command id was known; ``events`` are those recorded the first time.
    """

    position: int
    events: tuple[Recorded, ...]
    repeated: bool = False


def make_records(
    command: Command, context: Context, reading: Reading, facts: list[Fact], after: int
) -> list[tuple[Recorded, DCBEvent]]:
    """The records of a command's facts with what is stored of each, at positions above ``after``.

    Raises ``TypeError`` for a command none of whose records would name its sender,
    ``codec.RecordTooLarge`` for a record that is too large.
    """
    if facts and all(fact.unnamed or fact.for_unit for fact in facts):
        raise TypeError(f"{type(command).__name__} records nowhere who sent it")
    made: list[tuple[Recorded, DCBEvent]] = []
    first_id: UUID | None = None
    for position, fact in enumerate(facts, after + 1):
        event = fact.event
        envelope = Envelope(
            event_id=uuid7(reading.now),
            type=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=fact.occurred_at or reading.at,
            recorded_at=reading.now,
            actor=_actor_of(fact, context.actor),
            correlation_id=context.correlation_id,
            command_id=context.command_id,
            visibility=event.visibility(),
            legal_basis=reading.legal_basis,
            policy_refs=reading.policy_refs,
            # What is recorded beside a fact was caused by it.
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
    """In whose name a fact is recorded."""
    if fact.for_unit is not None:
        return replace(sender, unit_id=fact.for_unit, person_id=UNNAMED)
    return replace(sender, person_id=UNNAMED) if fact.unnamed else sender


def tags_of(envelope: Envelope, event: Event, *, first: bool) -> list[str]:
    """The tags under which an event is stored: its subjects, who recorded it, its command.

    Only the ``first`` event of a command carries the command's tag: the others stand behind it.
    An import names its source in each row and its operator once, in the import's own events.
    """
    tags = event.tags()
    if envelope.provenance is None and envelope.actor.person_id != UNNAMED:
        actor = f"actor:{envelope.actor.person_id}"
        if actor not in tags:  # the event itself may name who recorded it
            tags.append(actor)
    if first:
        tags.append(f"command:{envelope.command_id}")
    return tags


def moved(
    answers: list[Outcome | BaseException], by: int, above: int
) -> list[Outcome | BaseException]:
    """The answers with every position beyond ``above`` moved ``by`` so many."""

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
