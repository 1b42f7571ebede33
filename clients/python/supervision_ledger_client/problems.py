"""The service's problem documents (RFC 9457) as exceptions, one class for each kind."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
import msgspec


class Unreachable(Exception):
    """The service did not answer in time. A command may have been recorded: see ``key``.

    Send the same command with the same ``key``; it is recorded once.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class Document(msgspec.Struct, kw_only=True):
    """The members of a problem document."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    code: str | None = None
    request_id: str | None = None
    pointer: str | None = None
    rule_id: str | None = None
    legal_source: str | None = None
    fix_hint: str | None = None
    details: dict[str, Any] = {}
    errors: list[dict[str, Any]] = []


class Problem(Exception):
    """The service refused a request, or could not answer it.

    ``code``, ``rule_id``, ``pointer``: stable names for programs; ``detail``, ``fix_hint``: for
    people. ``retry_after``: after how many seconds the same request may succeed. ``key``: the
    Idempotency-Key of a command. ``body``: the whole document.
    """

    name: ClassVar[str] = ""

    def __init__(
        self,
        document: Document,
        *,
        retry_after: float | None = None,
        key: str | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(f"{document.status} {document.title}: {document.detail}")
        self.status = document.status
        self.type = document.type
        self.title = document.title
        self.detail = document.detail
        self.code = document.code
        self.request_id = document.request_id
        self.pointer = document.pointer
        self.rule_id = document.rule_id
        self.legal_source = document.legal_source
        self.fix_hint = document.fix_hint
        self.details = document.details
        self.errors = document.errors
        self.retry_after = retry_after
        self.key = key
        self.body = body


class Malformed(Problem):
    """The request cannot be understood; ``pointer`` names the fault in the body."""

    name = "malformed"


class Unauthenticated(Problem):
    """A valid token is needed."""

    name = "unauthenticated"


class Forbidden(Problem):
    """The role or unit of the token may not do this."""

    name = "forbidden"


class NotFound(Problem):
    """It does not exist, or the token may not see it."""

    name = "not-found"


class OutOfStep(Problem):
    """The subject is not in a state for this command."""

    name = "out-of-step"


class RuleRefused(Problem):
    """The rule ``rule_id`` refuses the command; ``fix_hint`` says what helps."""

    name = "rule-refused"


class UnknownReference(Problem):
    """The command names something that is not recorded."""

    name = "unknown-reference"


class KeyReused(Problem):
    """The Idempotency-Key belongs to another request."""

    name = "key-reused"


class TooEarly(Problem):
    """The view has not reached the position that the request asked for."""

    name = "too-early"


class TooManyRequests(Problem):
    """The caller has reached a limit; ask again after ``retry_after`` seconds."""

    name = "too-many-requests"


class Unavailable(Problem):
    """The service cannot take this now; nothing was recorded."""

    name = "unavailable"


class OutcomeUnknown(Problem):
    """It is not known whether this was recorded; send it again with the same ``key``."""

    name = "outcome-unknown"


class Unfinished(Problem):
    """It was recorded; send it again with the same ``key`` to finish what follows from it."""

    name = "unfinished"


class TooCostly(Problem):
    """The answer takes too long to make; ask for less."""

    name = "too-costly"


_KINDS = {kind.name: kind for kind in Problem.__subclasses__()}


def problem_of(answer: httpx.Response, key: str | None = None) -> Problem:
    """Return the problem that an answer of status 400 or more describes.

    A proxy in front of the service may answer in another form: then the status tells.
    """
    try:
        document = msgspec.json.decode(answer.content, type=Document)
    except (msgspec.DecodeError, msgspec.ValidationError):
        document = Document(title=answer.reason_phrase)
    document.status = answer.status_code
    name = document.type.rpartition("/")[2]
    kind = _KINDS.get(name) or (Unavailable if answer.status_code in (502, 503, 504) else Problem)
    return kind(document, retry_after=_seconds(answer), key=key, body=answer.content)


def _seconds(answer: httpx.Response) -> float | None:
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() else None
