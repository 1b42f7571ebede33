"""Problem details (RFC 9457), the format of every error; made only in this module."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web

from ledger.kernel import (
    Forbidden,
    KeyReused,
    Malformed,
    NotRecorded,
    OutcomeUnknown,
    OutOfStep,
    Refusal,
    Unavailable,
    UnknownReference,
)

#: Seconds after which a rejected sender may try again.
RETRY_AFTER = "1"


class Kind(msgspec.Struct, frozen=True):
    """A problem type: its status, its title, and what the reader can do about it."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The stable name that clients can compare."""
        return f"/problems/{self.name}"


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "malformed",
            400,
            "The request cannot be understood",
            "Nothing was recorded. `pointer` is the JSON pointer (RFC 6901) to the fault in the "
            "body; without it, the fault is elsewhere in the request. `detail` says what is "
            "allowed.",
        ),
        Kind(
            "unauthenticated",
            401,
            "A valid token is needed",
            "Send `Authorization: Bearer <token>`. The token may be unknown, revoked or expired.",
        ),
        Kind(
            "forbidden",
            403,
            "The token does not allow this",
            "The role or unit of the token may not do this. Nothing was recorded.",
        ),
        Kind(
            "not-found",
            404,
            "There is nothing here",
            "It does not exist, or this token may not see it.",
        ),
        Kind(
            "method-not-allowed",
            405,
            "The resource does not take this method",
            "The `Allow` header lists the methods it takes.",
        ),
        Kind(
            "not-acceptable",
            406,
            "None of the accepted media types is offered",
            "`detail` lists the media types that this resource offers.",
        ),
        Kind(
            "timed-out",
            408,
            "The request did not come in time",
            "Nothing was recorded. Send the whole request again, faster.",
        ),
        Kind(
            "out-of-step",
            409,
            "The subject is not in a state for this",
            "The state of the subject does not allow this command. Nothing was recorded.",
        ),
        Kind("too-large", 413, "The body is too large", "`detail` says how large it may be."),
        Kind(
            "uri-too-long",
            414,
            "The address is too long",
            "`detail` says how long it may be.",
        ),
        Kind(
            "unsupported-media-type",
            415,
            "The body is not JSON",
            "Send `Content-Type: application/json`. Nothing was recorded.",
        ),
        Kind(
            "unsupported-encoding",
            415,
            "The body has a content coding that is not understood",
            "The `Accept-Encoding` header lists the supported codings. Nothing was recorded.",
        ),
        Kind(
            "unsupported-file",
            415,
            "The file is of no kind that is kept",
            "`detail` lists the accepted kinds. Nothing was stored.",
        ),
        Kind(
            "range-not-satisfiable",
            416,
            "The range lies outside the file",
            "`Content-Range` says how long the file is.",
        ),
        Kind(
            "expectation-failed",
            417,
            "The expectation cannot be met",
            "Only `Expect: 100-continue` is supported.",
        ),
        Kind(
            "rule-refused",
            422,
            "A rule refuses this",
            "The command breaks the rule `rule_id`. `legal_source` cites the law, and `fix_hint` "
            "says how to correct the command. Nothing was recorded.",
        ),
        Kind(
            "unknown-reference",
            422,
            "The command names something that is not recorded",
            "The ledger has no record of this `kind` with this `id`. Nothing was recorded.",
        ),
        Kind(
            "key-reused",
            422,
            "The Idempotency-Key belongs to another request",
            "Use a new key for a new request. Nothing was recorded.",
        ),
        Kind(
            "too-early",
            425,
            "The view has not reached this position yet",
            "Ask again after the seconds in `Retry-After`.",
        ),
        Kind(
            "too-many-requests",
            429,
            "The caller has had all that one caller may have",
            "Nothing was recorded. `detail` says which limit was reached: close a stream, or "
            "correct the ids in your commands. Try again after the seconds in `Retry-After`.",
        ),
        Kind(
            "headers-too-large",
            431,
            "A header is too long",
            "`detail` says how long it may be.",
        ),
        Kind(
            "unavailable",
            503,
            "The service cannot take this now",
            "Nothing was recorded. Send the same request, with the same Idempotency-Key, after the "
            "seconds in `Retry-After`.",
        ),
        Kind(
            "out-of-room",
            507,
            "There is no room for this file",
            "The quota of the evidence store is used up. Nothing was stored.",
        ),
        Kind(
            "too-costly",
            503,
            "The answer takes too long to make",
            "Ask for less: a smaller page, fewer subjects, a shorter period. The same request "
            "would take as long again.",
        ),
        Kind(
            "unfinished",
            503,
            "It was recorded, and what follows from it is not done yet",
            "Nothing is lost. Send the same request, with the same Idempotency-Key, to finish "
            "it; the service also finishes it at its next start.",
        ),
        Kind(
            "outcome-unknown",
            503,
            "It is not known whether this was recorded",
            "Send the same request, with the same Idempotency-Key, after the seconds in "
            "`Retry-After`. If it was recorded, you get the first result; if not, it is recorded "
            "then.",
        ),
        Kind(
            "internal",
            500,
            "Something went wrong here",
            "The service has a fault. Report the `request_id`; the log has the details. To find "
            "out whether a command was recorded, send it again with the same Idempotency-Key.",
        ),
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

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


class Problem(Exception):
    """Raised by a handler to answer with a problem; ``members`` are added to the document."""

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        pointer: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.kind = KINDS[name]
        self.detail = detail
        self.pointer = pointer
        self.headers = dict(headers or {})
        self.members = members


def unauthenticated(detail: str) -> Problem:
    """Return the answer to a missing or bad token (RFC 6750)."""
    return Problem(
        "unauthenticated",
        detail,
        headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="supervision-ledger"'},
    )


def not_found(
    text: str = "There is nothing here, or nothing that this token may see.",
) -> Problem:
    """Return the answer for what does not exist or is hidden from this token; both look alike."""
    return Problem("not-found", text)


def as_problem(error: BaseException) -> Problem:
    """Return the problem that answers ``error``; only the log gets details of unforeseen ones."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, NotRecorded):
        return _not_recorded(error)
    if isinstance(error, OutcomeUnknown):
        return Problem("outcome-unknown", str(error), headers={hdrs.RETRY_AFTER: RETRY_AFTER})
    if isinstance(error, web.HTTPException):
        return _http(error)
    return Problem("internal", "The service has an internal fault. Report the request_id.")


def _not_recorded(error: NotRecorded) -> Problem:
    text = str(error)
    match error:
        case Refusal():
            rule = error.rule
            return Problem(
                "rule-refused",
                error.message,
                rule_id=rule.id,
                message=error.message,
                legal_source=rule.law,
                policy_key=rule.policy_key,
                policy_version=error.policy_version,
                fix_hint=error.hint,
                details=error.details,
            )
        case Malformed():
            return Problem("malformed", text, pointer=error.pointer)
        case Forbidden():
            return Problem("forbidden", text, pointer=error.pointer or None)
        case UnknownReference():
            return Problem(
                "unknown-reference", text, kind=error.kind, id=error.id, fix_hint=error.hint
            )
        case OutOfStep():
            return Problem("out-of-step", text)
        case KeyReused():
            return Problem("key-reused", text)
        case Unavailable():
            # After the colon comes the store's own message, with file paths: it is for the log, not
            # for the sender.
            reason = text.partition(": ")[0]
            return Problem("unavailable", reason, headers={hdrs.RETRY_AFTER: RETRY_AFTER})
    return Problem("internal", "The service has an internal fault. Report the request_id.")


def _http(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(
            "method-not-allowed",
            f"This resource accepts {allowed}, not {error.method}.",
            headers={hdrs.ALLOW: allowed},
        )
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem("too-large", "A body may have at most 1048576 bytes.")
    kind = _BY_STATUS.get(error.status)
    if kind is None:
        kind = KINDS[
            "internal" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "malformed"
        ]
    return Problem(kind.name, f"{kind.title}.")


#: The ``Server`` header of every answer; it must not reveal versions.
SERVER = "supervision-ledger"


def response_to(error: BaseException, *, instance: str | None, request_id: str) -> web.Response:
    """Return the response for ``error``; ``instance`` is the request's path, if known."""
    problem = as_problem(error)
    kind = problem.kind
    document: dict[str, Any] = {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "request_id": request_id,
    }
    if instance is not None:
        document["instance"] = instance
    if problem.pointer is not None:
        document["pointer"] = problem.pointer
    document.update(problem.members)
    headers: dict[str, str] = {
        hdrs.CONTENT_TYPE: "application/problem+json",
        hdrs.CACHE_CONTROL: "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": request_id,
        hdrs.SERVER: SERVER,
        **problem.headers,
    }
    ends = headers.pop(hdrs.CONNECTION, None) == "close"
    response = web.Response(body=_ENCODE(document), status=kind.status, headers=headers)
    if ends:
        response.force_close()
    return response
