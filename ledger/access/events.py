"""Events of the access ledger (0.9, 4.2 no. 11). None of them stands in the main ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar

from ledger.general.vocabulary import (
    ActorId,
    EntityId,
    HolderId,
    Name,
    PersonId,
    Role,
    Sha256,
    Text,
    UnitId,
)
from ledger.kernel import Event, Moment, subject
from ledger.kernel.events import Upcaster

RuleId = Annotated[str, subject("rule", pattern=r"^[A-Z]{3}-[A-Z][0-9]{1,3}$", examples=["FIL-R4"])]

#: The first 16 hex digits of a token's SHA-256: names a token and gives nothing of it away.
TokenId = Annotated[str, subject("token", pattern=r"^[0-9a-f]{16}$", examples=["5f0c2ab1d3e49768"])]
TokenRequestId = Annotated[
    str,
    subject(
        "token-request", pattern=r"^TKR\.[0-9a-f]{16}\.1$", examples=["TKR.0a1b2c3d4e5f6071.1"]
    ),
]


class CommandRefused(Event):
    """命令被拒: a rule refused what somebody asked for; the main ledger is as it was.

    The actor is whoever asked, ``unit`` the unit acted for. ``refused_command`` is the id of the
    command: the same request repeated under one Idempotency-Key has one id, and is noted each time.
    Since version 2 ``withheld_from`` are the units that may not know of what the command named.
    Since version 3 ``subjects`` are those that the command named, as tags: a refusal is shown to
    whom may know all of them. A kind without an id stands for one that was not recorded then.
    """

    TOPIC: ClassVar[str] = "access.command-refused"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}

    unit: UnitId
    command: Name
    rule: RuleId
    message: Text
    refused_command: Name
    policy_key: Name | None = None
    policy_version: int | None = None
    entity: EntityId | None = None
    withheld_from: tuple[str, ...] = ()
    subjects: tuple[str, ...] | None = None


class ReferenceUnknown(Event):
    """查无此项: somebody named what does not exist, or what they may not know of.

    Both are taken down alike, so that neither the time of the answer nor this ledger tells them
    apart. ``kind`` is the kind of subject; its id is the sender's own word and is not written down.
    ``unit`` is the sender's.
    """

    TOPIC: ClassVar[str] = "access.reference-unknown"

    unit: UnitId
    command: Name
    kind: Name


class SenderPaused(Event):
    """暂停发送: somebody named too often what is not there for them, and has to wait (2.17).

    ``named`` counts the commands that did since their allowance was whole. Hidden subjects and
    unknown ones count alike, and so does an id for something new that is in use. ``unit`` is the
    sender's.
    """

    TOPIC: ClassVar[str] = "access.sender-paused"

    unit: UnitId
    named: int


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 named no person."""
    return body


class RecordsConsulted(Event):
    """查阅记录: a supervisor looked at something; noted before the answer is given.

    ``route`` is the kind of resource, ``asked`` the path and query that were sent, without words
    of the asker's own: `withheld` stands for what the ledger does not have as a subject and is no
    number, date or word of the resource. Whoever asks for what is sealed of a ``person`` is noted
    too, supervisor or not. Since version 3 ``withheld_from`` are the units that may not know of
    what was looked at. Since version 4 ``subjects`` are those that were asked for and that the
    asker may know, as tags: the consultation is shown to whom may know all of them.
    """

    TOPIC: ClassVar[str] = "access.records-consulted"
    VERSION = 4
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was, 2: dict, 3: dict}

    unit: UnitId
    route: Name
    asked: Text
    entity: EntityId | None = None
    person: PersonId | None = None
    withheld_from: tuple[str, ...] = ()
    subjects: tuple[str, ...] | None = None


class TokenRequested(Event):
    """令牌申请: an operator asked for a token for somebody; it is good for nothing yet.

    The holder drew the token; ``digest`` is its SHA-256 and all that anybody else ever has of it.
    ``expires_on`` is the last civil date on which it is to be good.
    """

    TOPIC: ClassVar[str] = "access.token-requested"

    request: TokenRequestId
    unit: UnitId
    holder: HolderId
    role: Role
    digest: Sha256
    entity: EntityId | None = None
    expires_on: date | None = None


class TokenRequestDeclined(Event):
    """令牌申请不予批准: an operator declined a token, or took an own request back."""

    TOPIC: ClassVar[str] = "access.token-request-declined"

    request: TokenRequestId
    reason: Text


class TokenGranted(Event):
    """令牌授予: from here on a token is good, for whom it names and no longer than it says.

    ``requested_by`` and ``approved_by`` are two persons. Over HTTP both are operators and the
    actor is who approved; on the command line (no ``request``) whoever holds the ledger's files
    acts, and ``approved_by`` is the second person, if any, who confirmed by a token of their own.
    """

    TOPIC: ClassVar[str] = "access.token-granted"

    token: TokenId
    unit: UnitId
    holder: HolderId
    role: Role
    requested_by: ActorId
    entity: EntityId | None = None
    expires_on: date | None = None
    approved_by: ActorId | None = None
    request: TokenRequestId | None = None


class TokenRevoked(Event):
    """令牌撤销: a token is good no more. One person suffices: it takes power and gives none."""

    TOPIC: ClassVar[str] = "access.token-revoked"

    token: TokenId
    unit: UnitId
    holder: HolderId
    role: Role
    revoked_by: ActorId


class ClockConfirmed(Event):
    """时钟确认: an operator answers for the clock after a jump; commands were refused till then.

    ``last_recorded_at`` is the newest record of the ledger then, ``clock`` what the clock showed.
    """

    TOPIC: ClassVar[str] = "access.clock-confirmed"

    clock: Moment
    last_recorded_at: Moment | None = None
