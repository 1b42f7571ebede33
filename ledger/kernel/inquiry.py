"""The ``Inquiry``: what a command reads while it decides, and the checks that commands share."""

from __future__ import annotations

from collections.abc import Container, Iterable
from copy import copy
from datetime import date, datetime
from typing import Any, TypeVar

from ledger.kernel.commands import (
    BACKDATING_TOLERANCE,
    CLOCK_TOLERANCE,
    EARLIEST_YEAR,
    Command,
    Context,
    require_unit,
)
from ledger.kernel.events import (
    Event,
)
from ledger.kernel.folds import SubjectFold
from ledger.kernel.messages import Message
from ledger.kernel.questions import Past, SubjectKnown, taken
from ledger.kernel.rules import (
    Malformed,
    Refusal,
    Rule,
)
from ledger.kernel.subjects import (
    doubts,
    hideable_tags,
    main_subject,
)
from ledger.kernel.terms import Terms

S = TypeVar("S", bound=SubjectFold)


class Inquiry(Terms):
    """The ledger as one command sees it while it decides, and the checks that commands share."""

    def __init__(self, past: Past, command: Command, context: Context, now: datetime) -> None:
        super().__init__(past, command, context.audiences, at=command.occurred_at or now, now=now)
        if self.at.year < EARLIEST_YEAR:
            raise Malformed(
                "kernel.occurred-at-must-not-before-year",
                pointer="/occurred_at",
                earliest_year=EARLIEST_YEAR,
                at=self.at.isoformat(),
            )
        if self.at > now + CLOCK_TOLERANCE:
            raise Malformed(
                "kernel.occurred-at-must-not-future",
                pointer="/occurred_at",
                at=self.at.isoformat(),
                now=now.isoformat(),
            )
        self.actor = context.actor
        #: Who requested the act that the actor approves; ``None`` where the actor acts alone.
        self.requested_by: str | None = None
        #: The position of that request.
        self.requested_at: int | None = None
        self.command_id = context.command_id
        self.legal_basis = command.legal_basis
        self._names = 0

    def own(
        self, fold: S, hint: Message | str | None = None, *, any_unit: Container[str] = ()
    ) -> S:
        """Return the answer about a subject that must exist and belong to the actor's own unit.

        ``any_unit``: the roles that may act on the subjects of every unit. Raises
        ``UnknownReference`` or ``Forbidden``.
        """
        fold = self.known(fold, hint)
        if self.actor.role not in any_unit:
            self.act_for(fold.owner)
        return fold

    def require(self, condition: object, rule: Rule, *, told: bool = False, **details: Any) -> None:
        """Refuse the command under ``rule`` unless ``condition`` holds.

        ``told``: the condition fails because of a subject that the sender may not know of
        (``may_know``).
        """
        if not condition:
            raise Refusal(rule, self._version_of(rule), told=told, **details)

    def _version_of(self, rule: Rule) -> int | None:
        """Return the policy version that sets a rule's number: the one used, else in force now."""
        if rule.policy_key is None:
            return None
        if rule.policy_key not in self.policy_refs:
            self.policy(rule.policy_key)
        return self.policy_refs.get(rule.policy_key)

    def act_for(self, unit: str) -> None:
        """Refuse an actor of another unit: an officer acts only for their own unit."""
        require_unit(self.actor, unit)

    def require_kind(self, command: Command) -> None:
        """Check the date and the unit of a command against what its class allows.

        An act that takes effect by being recorded cannot have an ``occurred_at`` in the past.
        Reports may be dated back; a late one is flagged (0.2).
        """
        backdated = self.now - self.at > BACKDATING_TOLERANCE
        if backdated and not command.may_be_dated_back(self.actor.role):
            raise Malformed(
                "kernel.act-takes-effect-being-recorded",
                pointer="/occurred_at",
                at=self.at.isoformat(),
            )
        command.require_own_unit(self.actor)

    def require_vouched(self, command: Command) -> None:
        """Refuse a doubtful id unless the command vouches for it or the ledger knows it already.

        Raises ``Malformed``, which names the field and does not repeat the id.
        """
        for field, tag, reason in doubts(command, self.today):
            if not command.vouches and not self.read(SubjectKnown(tag)).known:
                raise Malformed(reason, pointer=f"/{field}")

    def refuse_taken(self, events: Iterable[Event]) -> None:
        """Refuse a decision that would begin a concealed subject a second time.

        This can happen only for a command that reads a subject which it may itself begin.
        """
        if False not in self._knows.values():
            return
        for tag in filter(None, map(main_subject, events)):
            if self._knows.get(tag) is False:
                kind, _, value = tag.partition(":")
                raise taken(kind, value)

    def require_unchanged(self) -> None:
        """Raise ``TypeError`` if the command changed a fold; only where inquiries watch."""
        if self._watch is not None:
            self._watch.check()

    def not_before(self, day: date | None, what: Message) -> None:
        """Refuse a report that is dated before ``day``; ``what`` says what happened on that day."""
        if day is not None and self.on < day:
            raise Malformed(
                "kernel.occurred-at-must-not-before-day",
                pointer="/occurred_at",
                what=what,
                day=day,
                on=self.on,
            )

    def for_request(self, command: Command, requested_by: str, requested_at: int) -> Inquiry:
        """Return this inquiry for ``command``, which another person requested.

        ``requested_at``: the position of the request.
        """
        inner = copy(self)
        inner.requested_by, inner.requested_at = requested_by, requested_at
        if self._audiences is not None:
            inner._knows = self._knows | dict.fromkeys(hideable_tags(command))  # noqa: SLF001
        return inner

    def name(self, prefix: str) -> str:
        """Return an identifier for something this command creates: the same on every retry."""
        self._names += 1
        # Take the last digits: the first ones are the millisecond, which other ids may share.
        return f"{prefix}.{self.command_id[-16:]}.{self._names}"
