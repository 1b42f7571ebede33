"""Commands that two people sign: one requests, a second one approves with a token of their own.

A command for which the rulebook requires two people is a ``Countersigned``. When it is sent, it is
checked in full and recorded as a request. ``ApproveRequest`` of the system ``approvals`` then
records its effect. A command cannot name another person as its approver (rulebook 2.17).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from ledger.general.personaldata import refuse_personal, words_of
from ledger.general.vocabulary import ApprovalId, Name, Role
from ledger.kernel import Act, Event, Fact, Inquiry, Rule
from ledger.kernel.events import Visibility

_KNOWN: dict[str, type[Countersigned]] = {}

#: Fields in which earlier commands named a second person, who had not signed anything.
FORMER_FIELDS = frozenset(
    {"approved_by", "approver", "requested_by", "second_approver", "second_reader"}
)


class Countersigned(Act):
    """An act that takes effect when a second person approves it.

    A subclass names itself in ``NAME`` (``<system>.<command>``, as in its URL) and the roles that
    may approve it in ``APPROVERS``. It implements ``effect`` instead of ``decide``. It also
    implements ``require_signer`` if not everybody in these roles may sign, ``needs_second`` if one
    person sometimes suffices, and ``confidential`` if its fields reveal something sealed.
    """

    NAME: ClassVar[str] = ""
    APPROVERS: ClassVar[frozenset[Role]] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _KNOWN[cls.NAME] = cls

    @classmethod
    def told(cls) -> str:
        """Return the sentence of the reference that tells the sender about the second person."""
        always = cls.needs_second is Countersigned.needs_second
        return (
            f"{'It takes' if always else 'Unless one person suffices, it takes'} two people: the "
            "service records a request, `approvals.approval-requested`, and the command takes "
            "effect when another person approves it with `POST /v1/approvals/approve-request`. "
            f"Roles that may approve it: {', '.join(sorted(cls.APPROVERS))}."
        )

    def needs_second(self, inquiry: Inquiry) -> bool:
        """Whether this command takes two people in the current state of the ledger."""
        return True

    def confidential(self, inquiry: Inquiry) -> bool:
        """Whether only the unit that requests it and the Justice Bureau may read the request."""
        return False

    def withheld_from(self, inquiry: Inquiry) -> tuple[str, ...]:
        """Return the units that must not know of the request, because of its subject."""
        return ()

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        """Refuse an actor who may not sign this: of another unit, or concerned by the command.

        It is called for each person who requests, approves or declines it. ``requested_by``: the
        first person, when the actor is the second one.
        """
        self.require_own_unit(inquiry.actor)

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event | Fact]:
        """Check the rules and yield the events that the command records when it takes effect.

        ``requested_by``: the first person, if two are needed; the actor is the second one. While
        the command is only requested, the actor is the first person, and the events are discarded.
        """
        raise NotImplementedError

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        """Return the rule, with details, by which ``person`` cannot approve their own request."""
        return GEN_R1, {"requested_by": person, "command": self.NAME}

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        self.require_signer(inquiry, inquiry.requested_by)
        if inquiry.requested_by is not None:
            yield from self.effect(inquiry, inquiry.requested_by)
        elif not self.needs_second(inquiry):
            yield from self.effect(inquiry, None)
        else:
            # Check everything now, so that nobody is asked to approve a command that would fail.
            for fact in self.effect(inquiry, inquiry.actor.person_id):
                event = fact.event if isinstance(fact, Fact) else fact
                for pointer, words in words_of(event):
                    refuse_personal(words, pointer)
            inquiry.named.clear()
            yield ApprovalRequested(
                approval=inquiry.name("APR"),
                command=self.NAME,
                body=msgspec.to_builtins(self),
                confidential=self.confidential(inquiry),
                withheld_from=self.withheld_from(inquiry),
            )


def countersigned_commands() -> Mapping[str, type[Countersigned]]:
    """Return every command that two people sign, by its name ``<system>.<command>``."""
    return dict(sorted(_KNOWN.items()))


def requested_command(name: str, body: Mapping[str, Any]) -> Countersigned:
    """Return the command that was requested under ``name`` with these fields.

    Raises ``KeyError`` for a name that the program does not know (any more), and
    ``msgspec.ValidationError`` for fields that its command does not take (any more).
    """
    return msgspec.convert(body, _KNOWN[name], strict=False)


def approvers() -> frozenset[Role]:
    """Return every role that may approve some command."""
    return frozenset().union(*(command.APPROVERS for command in _KNOWN.values()))


class OfApproval(Event):
    """The request that an event is about, and who may read it.

    ``confidential``: only the unit that made the request and the Justice Bureau may read it.
    ``withheld_from``: units that may not read it, because its subject is withheld from them.
    """

    TOPIC: ClassVar[str] = ""

    approval: ApprovalId
    confidential: bool = False
    withheld_from: tuple[str, ...] = ()

    def visibility(self) -> Visibility:
        return "sealed" if self.confidential else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units from which the request is withheld."""
        return self.withheld_from


class ApprovalRequested(OfApproval):
    """请求审批: one person asks for a command to take effect; nothing else is recorded yet.

    ``command`` is the name of the command, ``<system>.<command>``; ``body`` holds its fields as
    they were sent. The command passed all its checks at the time of the request. They are repeated
    when the request is approved.
    """

    TOPIC: ClassVar[str] = "approvals.approval-requested"

    command: Name
    body: dict[str, Any]


GEN_R1 = Rule(
    "GEN-R1",
    "{requested_by} requested {command} and cannot also approve it",
    law="rulebook 0.3 (design)",
    hint="Ask a person other than {requested_by} to approve it.",
)
