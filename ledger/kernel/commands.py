"""Commands: requests to record something. A command is an act or a report."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, dataclass_transform
from uuid import UUID

import msgspec

from ledger.kernel.events import (
    Actor,
    Event,
    Fact,
    KeywordStruct,
    LegalRef,
    Moment,
)
from ledger.kernel.rules import (
    Forbidden,
)
from ledger.kernel.subjects import (
    check_subjects,
    normalise_subjects,
)

if TYPE_CHECKING:
    from ledger.kernel.inquiry import Inquiry

#: How far a reported time may be ahead of the ledger's clock (rulebook 0.2).
CLOCK_TOLERANCE = timedelta(minutes=5)

#: How far back an act may be dated if it takes effect by being recorded.
BACKDATING_TOLERANCE = timedelta(days=1)

#: The earliest year that a command may report. Dates near the year 1 make date arithmetic fail.
EARLIEST_YEAR = 1900


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Command(msgspec.Struct, metaclass=KeywordStruct, frozen=True, forbid_unknown_fields=True):
    """A request to record something. Its fields are the request body.

    Every command is an ``Act`` or a ``Report``. ``occurred_at``: when it happened; now if absent.
    ``legal_basis``: the law that the actor cites.
    """

    occurred_at: Moment | None = None
    legal_basis: tuple[LegalRef, ...] = ()

    #: Whether a client sends it. The ids in a command that the service makes itself are not
    #: checked, because they are recorded already.
    SENT: ClassVar[bool] = True
    #: The roles that may send it; empty for a command that only the service itself makes.
    ROLES: ClassVar[frozenset[str]] = frozenset()
    #: The field that names the unit for which the actor acts; it must be the actor's own unit.
    #: Empty where a field ``unit`` names the unit that the command is about.
    ACTS_FOR: ClassVar[str] = "unit"
    #: The roles that may act for any unit.
    ANY_UNIT: ClassVar[frozenset[str]] = frozenset()
    #: The roles that perform the act by sending the command, where others only report it. They
    #: cannot date it back.
    IN_PERSON: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if self.SENT:
            normalise_subjects(self)
            check_subjects(self)

    @property
    def vouches(self) -> bool:
        """Whether the command itself states where a doubtful id is proved; few commands can."""
        return False

    def may_be_dated_back(self, role: str) -> bool:
        """Whether an actor of this role may send it with an ``occurred_at`` in the past."""
        return role not in self.IN_PERSON

    def require_own_unit(self, actor: Actor) -> None:
        """Refuse an actor whose unit is not the one for which the command acts."""
        unit = getattr(self, self.ACTS_FOR, None)
        if unit is not None and actor.role not in self.ANY_UNIT:
            require_unit(actor, unit, f"/{self.ACTS_FOR}")

    def decide(self, inquiry: Inquiry) -> Iterable[Event | Fact]:
        """Return the facts to record, in order, or raise a ``NotRecorded``.

        Depends on nothing but the command's fields and ``inquiry``.
        """
        raise NotImplementedError


class Act(Command):
    """A command that takes effect by being recorded.

    It cannot be dated back, and it is refused if it breaks a rule.
    """

    def may_be_dated_back(self, role: str) -> bool:
        return False


class DatedAct(Act):
    """An act that took effect outside the ledger, on the date of its document.

    Like every act it is refused if it breaks a rule, but it may be recorded later than it was done.
    """

    def may_be_dated_back(self, role: str) -> bool:
        return role not in self.IN_PERSON


class Report(Command):
    """A command that reports a fact. An unlawful fact is recorded too, with findings.

    It is refused only if its sender may not report it or if it cannot be understood.
    """


class Context(msgspec.Struct, frozen=True):
    """The sender of a command and its ids. A repeat is recognised by its ``command_id``.

    ``audiences``: the audiences that the sender belongs to; ``None`` for a sender who knows
    everything (the service itself, its clock, an import). ``remembered``: keep the id for this
    request even if the command records nothing. It is false for commands that the service makes,
    which are sent again under one key until they record something. ``dry``: decide the command and
    record nothing.
    """

    actor: Actor
    command_id: str
    correlation_id: UUID
    causation_id: UUID | None = None
    request_digest: str | None = None
    audiences: frozenset[str] | None = None
    remembered: bool = False
    dry: bool = False


def require_unit(actor: Actor, unit: str, pointer: str = "") -> None:
    if actor.unit_id != unit:
        raise Forbidden(
            "kernel.belongs-unit-cannot-act",
            pointer=pointer,
            person=actor.person_id,
            unit=actor.unit_id,
            given_unit=unit,
        )
