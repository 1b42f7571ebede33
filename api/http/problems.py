"""Problem details (RFC 9457), the format of every error; made only in this module."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.http.languages import headers_in
from ledger.kernel import (
    Forbidden,
    KeyReused,
    Malformed,
    Message,
    NotRecorded,
    OutcomeUnknown,
    OutOfStep,
    Refusal,
    Unavailable,
    UnknownReference,
    message,
)
from ledger.kernel.messages import in_words, say, speaks, title

#: Seconds after which a rejected sender may try again.
RETRY_AFTER = "1"


class Kind(msgspec.Struct, frozen=True):
    """A problem type and its status. Its words are in the domain ``problems`` of the catalogue."""

    name: str
    status: int

    @property
    def uri(self) -> str:
        """The stable name that clients can compare."""
        return f"/problems/{self.name}"

    def title(self, language: str) -> str:
        """Return what happened, in a few words."""
        return title(f"{self.name}.title", language, "problems")

    def meaning(self, language: str) -> str:
        """Return what the reader can do about it."""
        return title(f"{self.name}.meaning", language, "problems")


KINDS: dict[str, Kind] = {
    name: Kind(name, status)
    for name, status in (
        ("malformed", 400),
        ("unauthenticated", 401),
        ("forbidden", 403),
        ("not-found", 404),
        ("method-not-allowed", 405),
        ("not-acceptable", 406),
        ("timed-out", 408),
        ("out-of-step", 409),
        ("too-large", 413),
        ("uri-too-long", 414),
        ("unsupported-media-type", 415),
        ("unsupported-encoding", 415),
        ("unsupported-file", 415),
        ("range-not-satisfiable", 416),
        ("expectation-failed", 417),
        ("rule-refused", 422),
        ("unknown-reference", 422),
        ("key-reused", 422),
        ("too-early", 425),
        ("too-many-requests", 429),
        ("headers-too-large", 431),
        ("unavailable", 503),
        ("out-of-room", 507),
        ("too-costly", 503),
        ("unfinished", 503),
        ("outcome-unknown", 503),
        ("internal", 500),
    )
}

_BY_STATUS = {
    kind.status: kind
    for kind in KINDS.values()
    if kind.name
    not in {
        "unknown-reference",
        "key-reused",
        "unfinished",
        "too-costly",
        "unsupported-encoding",
        "outcome-unknown",
    }
}


class Problem(Exception):
    """Raised by a handler to answer with a problem; ``members`` are added to the document.

    ``told`` is the message that becomes its detail, or the code of one without details.
    """

    def __init__(
        self,
        name: str,
        told: Message | str,
        *,
        pointer: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.message = message(told) if isinstance(told, str) else told
        super().__init__(self.message)
        self.kind = KINDS[name]
        self.pointer = pointer
        #: Every fault of the body, if the problem is about several.
        self.faults: tuple[Problem, ...] = ()
        self.headers = dict(headers or {})
        self.members = {"code": self.message.code, "details": self.message.details, **members}

    @property
    def detail(self) -> str:
        """What is told, in English."""
        return str(self.message)


def unauthenticated(told: Message | str) -> Problem:
    """Return the answer to a missing or bad token (RFC 6750)."""
    return Problem(
        "unauthenticated",
        told,
        headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="supervision-ledger"'},
    )


def not_found(told: Message | str = "http.nothing-here") -> Problem:
    """Return the answer for what does not exist or is hidden from this token; both look alike."""
    return Problem("not-found", told)


def unavailable(told: Message | str) -> Problem:
    """Return the answer to what the service cannot do at the moment, but soon."""
    return Problem("unavailable", told, headers={hdrs.RETRY_AFTER: RETRY_AFTER})


def as_problem(error: BaseException) -> Problem:
    """Return the problem that answers ``error``; only the log gets details of unforeseen ones."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, NotRecorded):
        return _not_recorded(error)
    if isinstance(error, OutcomeUnknown):
        return Problem("outcome-unknown", error.message, headers={hdrs.RETRY_AFTER: RETRY_AFTER})
    if isinstance(error, web.HTTPException):
        return _http(error)
    return Problem("internal", "http.service-internal-fault")


def _not_recorded(error: NotRecorded) -> Problem:
    told = error.message
    match error:
        case Refusal():
            rule = error.rule
            return Problem(
                "rule-refused",
                told,
                rule_id=rule.id,
                code=error.code,
                message=told,
                legal_source=rule.law,
                policy_key=rule.policy_key,
                policy_version=error.policy_version,
                fix_hint=error.hint,
                details=error.details,
            )
        case Malformed():
            return Problem("malformed", told, pointer=error.pointer)
        case Forbidden():
            return Problem("forbidden", told, pointer=error.pointer or None)
        case UnknownReference():
            return Problem(
                "unknown-reference",
                told,
                kind=error.kind,
                id=error.id,
                fix_hint=error.hint or "",
            )
        case OutOfStep():
            return Problem("out-of-step", told)
        case KeyReused():
            return Problem("key-reused", told)
        case Unavailable():
            return unavailable(told)
    return Problem("internal", "http.service-internal-fault")


def _http(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = sorted(error.allowed_methods)
        return Problem(
            "method-not-allowed",
            # Who may read may also ask for the headers alone; people need not be told.
            message(
                "http.resource-accepts",
                allowed=[method for method in allowed if method != hdrs.METH_HEAD] or allowed,
                method=error.method,
            ),
            headers={hdrs.ALLOW: ", ".join(allowed)},
        )
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem("too-large", message("http.body-may-most-bytes", most=1048576))
    kind = _BY_STATUS.get(error.status)
    if kind is None:
        kind = KINDS[
            "internal" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "malformed"
        ]
    sentence = Message(f"{kind.name}.title", {}, "problems")
    return Problem(kind.name, message("http.sentence", sentence=sentence))


def _placed(problem: Problem, language: str) -> str:
    """Return what is told, with the field that it is about unless the words name it."""
    told, pointer = say(problem.message, language), problem.pointer or ""
    names = [step for step in pointer.split("/") if step and not step.isdigit()]
    if not names or names[-1] in told:
        return told
    return say(message("http.fault-at", pointer=pointer, fault=told), language)


#: The ``Server`` header of every answer; it must not reveal versions.
SERVER = "supervision-ledger"


def response_to(
    error: BaseException, language: str, *, instance: str | None, request_id: str
) -> web.Response:
    """Return the response for ``error``; ``instance`` is the request's path, if known.

    A problem that cannot be told in ``language`` is told in English as a whole.
    """
    problem = as_problem(error)
    kind = problem.kind
    told = [problem.message, *(fault.message for fault in problem.faults)]
    if not speaks(language, [*told, *problem.members.values()]):
        language = "en"
    document: dict[str, Any] = {
        "type": kind.uri,
        "title": kind.title(language),
        "status": kind.status,
        "detail": _placed(problem, language),
        "request_id": request_id,
    }
    if instance is not None:
        document["instance"] = instance
    if problem.pointer is not None:
        document["pointer"] = problem.pointer
    for name, member in problem.members.items():
        document[name] = say(member, language) if isinstance(member, Message) else member
    document["details"] = in_words(document["details"], language)
    if problem.faults:
        document["errors"] = [
            {
                "pointer": fault.pointer,
                "code": fault.message.code,
                "detail": _placed(fault, language),
            }
            for fault in problem.faults
        ]
    headers: dict[str, str] = {
        hdrs.CONTENT_TYPE: "application/problem+json",
        hdrs.CACHE_CONTROL: "no-store",
        **headers_in(language),
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": request_id,
        hdrs.SERVER: SERVER,
        **problem.headers,
    }
    ends = headers.pop(hdrs.CONNECTION, None) == "close"
    body = msgspec.json.encode(document, enc_hook=str)
    response = web.Response(body=body, status=kind.status, headers=headers)
    if ends:
        response.force_close()
    return response
