"""Events of the access ledger (0.9, 4.2 no. 11). None of them is recorded in the main ledger."""

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

#: The first 16 hex digits of a token's SHA-256: it names a token without revealing it.
TokenId = Annotated[str, subject("token", pattern=r"^[0-9a-f]{16}$", examples=["5f0c2ab1d3e49768"])]
TokenRequestId = Annotated[
    str,
    subject(
        "token-request", pattern=r"^TKR\.[0-9a-f]{16}\.1$", examples=["TKR.0a1b2c3d4e5f6071.1"]
    ),
]


class CommandRefused(Event):
    """命令被拒: a rule refused a command; the main ledger did not change.

    The actor is the sender, ``unit`` the unit acted for. ``refused_command`` is the id of the
    command: a request repeated under one Idempotency-Key keeps its id and is recorded each time.
    ``withheld_from`` (since version 2) are the units that must not know of the subjects named.
    ``subjects`` (since version 3) are the subjects that the command named, as tags: a refusal is
    shown to readers who may know all of them. A kind without an id stands for a subject that was
    not recorded at that time. Until version 3, ``message`` is the English text of the refusal.
    Since version 4, ``code`` is the code of its reason (the rule's id if it has none), and
    ``details`` are the values that the rule's message names; the reader's language puts them into
    words.
    """

    TOPIC: ClassVar[str] = "access.command-refused"
    VERSION = 4
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict, 3: dict}

    unit: UnitId
    command: Name
    rule: RuleId
    refused_command: Name
    message: Text | None = None
    code: Name | None = None
    details: dict[str, Any] | None = None
    policy_key: Name | None = None
    policy_version: int | None = None
    entity: EntityId | None = None
    withheld_from: tuple[str, ...] = ()
    subjects: tuple[str, ...] | None = None


class CommandTried(Event):
    """命令试办: a sender was told what a command would record; nothing was recorded.

    A trial that a rule refused is a ``CommandRefused``. The actor is the sender, ``unit`` the unit
    acted for, ``tried_command`` the id of the trial. ``withheld_from`` are the units that must not
    know of the subjects named, ``subjects`` those subjects as tags: a trial is shown to readers who
    may know all of them. A kind without an id stands for a subject that was not recorded then.
    """

    TOPIC: ClassVar[str] = "access.command-tried"

    unit: UnitId
    command: Name
    tried_command: Name
    entity: EntityId | None = None
    withheld_from: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


class ReferenceUnknown(Event):
    """查无此项: a sender named a subject that does not exist, or that they may not know of.

    Both cases are recorded alike, so that neither the time of the answer nor this ledger
    distinguishes them. ``kind`` is the kind of subject; its id is the sender's own text and is not
    recorded. ``unit`` is the sender's unit.
    """

    TOPIC: ClassVar[str] = "access.reference-unknown"

    unit: UnitId
    command: Name
    kind: Name


class SenderPaused(Event):
    """暂停发送: a sender named unknown or hidden subjects too often, and must wait (2.17).

    ``named`` counts those commands since the sender's allowance was last full. Unknown and hidden
    subjects count alike, and so does an id for a new subject that is already in use. ``unit`` is
    the sender's unit.
    """

    TOPIC: ClassVar[str] = "access.sender-paused"

    unit: UnitId
    named: int


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body of version 1, which had no ``person``, unchanged."""
    return body


class RecordsConsulted(Event):
    """查阅记录: a supervisor consulted records; recorded before the answer is sent.

    ``route`` is the kind of resource, ``asked`` the path and query that were sent. `withheld`
    replaces the reader's own words in it: every value that is not a known subject, a number, a date
    or a word of the resource. A request for the sealed data of a ``person`` is recorded for every
    reader, supervisor or not. ``withheld_from`` (since version 3) are the units that must not know
    of the records. ``subjects`` (since version 4) are the subjects that were asked for and that the
    reader may know, as tags: the consultation is shown to readers who may know all of them.
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
    """令牌申请: an operator requested a token for a person; the token is not valid yet.

    The holder generated the token; nobody else has more of it than ``digest``, its SHA-256.
    ``expires_on`` is the last civil date on which the token will be valid.
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
    """令牌申请不予批准: an operator declined a token, or withdrew their own request."""

    TOPIC: ClassVar[str] = "access.token-request-declined"

    request: TokenRequestId
    reason: Text


class TokenGranted(Event):
    """令牌授予: a token became valid for its holder, until ``expires_on`` if that is given.

    ``requested_by`` and ``approved_by`` are two persons. Over HTTP both are operators, and the
    actor is the one who approved. On the command line (no ``request``) the actor is the person who
    controls the ledger's files, and ``approved_by`` is the second person, if any, who confirmed
    with a token of their own.
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
    """令牌撤销: a token is no longer valid. One person suffices, because no right is granted."""

    TOPIC: ClassVar[str] = "access.token-revoked"

    token: TokenId
    unit: UnitId
    holder: HolderId
    role: Role
    revoked_by: ActorId


class ClockConfirmed(Event):
    """时钟确认: an operator confirmed the clock after a jump, which had stopped all commands.

    ``clock`` is the time that the clock showed, ``last_recorded_at`` the recording time of the
    newest event at that moment.
    """

    TOPIC: ClassVar[str] = "access.clock-confirmed"

    clock: Moment
    last_recorded_at: Moment | None = None
