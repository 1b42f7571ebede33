"""Commands about tokens: two persons make a token valid, one person can revoke it.

Their events are in the access ledger; the file of tokens follows those events.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.access.events import (
    ClockConfirmed,
    TokenGranted,
    TokenRequestDeclined,
    TokenRequested,
    TokenRequestId,
    TokenRevoked,
)
from ledger.access.folds import TokenRequest, TokenStanding
from ledger.general.vocabulary import ActorId, EntityId, Role, Sha256, Text, UnitId, same_person
from ledger.kernel import Act, Event, Forbidden, Inquiry, Malformed, OutOfStep, Report

#: How many digits of a digest name a token.
ID_DIGITS = 16


class RequestToken(Act):
    """申请令牌: request a token for a person of a unit, in a role; another operator approves it.

    The holder generates the token (`supervision-ledger token draw`) and gives its ``digest``, the
    SHA-256 in hex, to the operator. Nobody else ever has the token itself. ``entity``: the business
    that an entity_rep acts for. ``expires_on``: the last civil date on which the token is valid.
    """

    ACTS_FOR = ""

    unit: UnitId
    person: ActorId
    role: Role
    digest: Sha256
    entity: EntityId | None = None
    expires_on: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if (self.role == "entity_rep") != (self.entity is not None):
            raise Malformed("access.entity-must-be-given-role-entity-rep-no", pointer="/entity")
        if self.expires_on is not None and self.expires_on < inquiry.today:
            raise Malformed(
                "access.expires-on-must-be-later",
                pointer="/expires_on",
                today=inquiry.today,
                expires_on=self.expires_on,
            )
        if inquiry.read(TokenStanding(self.digest[:ID_DIGITS])).granted:
            raise OutOfStep("access.token-digest-granted-already")
        yield TokenRequested(
            request=inquiry.name("TKR"),
            unit=self.unit,
            holder=self.person,
            role=self.role,
            digest=self.digest,
            entity=self.entity,
            expires_on=self.expires_on,
        )


class ApproveToken(Act):
    """批准令牌: make a requested token valid. Its requester and its holder cannot approve it.

    First ask the holder for the first digits of the digest, and compare them. If an approval was
    interrupted, the same operator sends it again to complete it.
    """

    request: TokenRequestId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        asked = inquiry.known(TokenRequest(self.request))
        wanted = asked.requested
        assert wanted is not None
        person = inquiry.actor.person_id
        token = wanted.digest[:ID_DIGITS]
        standing = inquiry.read(TokenStanding(token))
        if asked.state == "granted" and asked.approved_by == person and not standing.revoked:
            return
        if asked.state != "pending":
            raise OutOfStep(
                "access.request-must-be-pending", request=self.request, state=asked.state
            )
        if same_person(person, asked.requested_by):
            raise Forbidden("access.cannot-approve-own-request", person=person)
        if same_person(person, wanted.holder):
            raise Forbidden("access.cannot-approve-own-token", person=person)
        if standing.granted:
            raise OutOfStep("access.token-granted-already", token=token)
        yield TokenGranted(
            token=token,
            unit=wanted.unit,
            holder=wanted.holder,
            role=wanted.role,
            entity=wanted.entity,
            expires_on=wanted.expires_on,
            requested_by=asked.requested_by,
            approved_by=person,
            request=self.request,
        )


class DeclineToken(Act):
    """不批准令牌: decline a requested token, or withdraw one's own request. One person suffices."""

    request: TokenRequestId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        asked = inquiry.known(TokenRequest(self.request))
        if asked.state != "pending":
            raise OutOfStep(
                "access.request-must-be-pending", request=self.request, state=asked.state
            )
        yield TokenRequestDeclined(request=self.request, reason=self.reason)


class NoteGrant(Report):
    """记录授予: record that the person who controls the ledger's files made a token valid."""

    grant: TokenGranted

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield self.grant


class NoteRevocation(Report):
    """记录撤销: record once that a token is no longer valid."""

    revocation: TokenRevoked

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if not inquiry.read(TokenStanding(self.revocation.token)).revoked:
            yield self.revocation


class NoteClock(Report):
    """记录时钟确认: record who confirmed the clock, and the time that it showed."""

    confirmation: ClockConfirmed

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield self.confirmation
