"""The one shape of every error: RFC 9457 problem details, made here and nowhere else."""

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

#: Seconds after which a sender that was turned away may try again.
RETRY_AFTER = "1"


class Kind(msgspec.Struct, frozen=True):
    """One type of problem: its status, its title, and what the reader can do about it."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The stable name that clients may compare with."""
        return f"/problems/{self.name}"


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "malformed",
            400,
            "The request cannot be understood",
            "Nothing was recorded. `pointer` is the JSON pointer (RFC 6901) to the fault in the "
            "body, or absent when the fault lies elsewhere; `detail` says what is allowed.",
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
            "not-found", 404, "There is nothing here", "No such resource, or none for this token."
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
            "`detail` lists the media types that this resource speaks.",
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
            "The command does not lead on from where its subject stands. Nothing was recorded.",
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
            "The `Accept-Encoding` header lists those that are. Nothing was recorded.",
        ),
        Kind(
            "unsupported-file",
            415,
            "The file is of no kind that is kept",
            "`detail` says which kinds are. Nothing was kept.",
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
            "`Expect: 100-continue` is the only one known.",
        ),
        Kind(
            "rule-refused",
            422,
            "A rule refuses this",
            "The command breaks the rule `rule_id`; `legal_source` is where the law stands, "
            "`fix_hint` what would make it succeed. Nothing was recorded.",
        ),
        Kind(
            "unknown-reference",
            422,
            "The command names something that is not recorded",
            "`kind` and `id` are what the ledger does not know. Nothing was recorded.",
        ),
        Kind(
            "key-reused",
            422,
            "The Idempotency-Key belongs to another request",
            "Take a new key for a new request. Nothing was recorded.",
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
            "Nothing was recorded. Close a stream, correct the ids that commands name, and ask "
            "again after the seconds in `Retry-After`; `detail` says which.",
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
            "The quota of the evidence store is used up. Nothing was kept.",
        ),
        Kind(
            "too-costly",
            503,
            "The answer takes too long to make",
            "Ask for less: a smaller page, fewer subjects, a shorter time. Asking for the same "
            "again takes as long.",
        ),
        Kind(
            "unfinished",
            503,
            "It was recorded, and what follows from it is not done yet",
            "Nothing is lost. Send the same request, with the same Idempotency-Key, to have it "
            "finished; the service also does so whenever it starts.",
        ),
        Kind(
            "outcome-unknown",
            503,
            "It is not known whether this was recorded",
            "Send the same request, with the same Idempotency-Key, after the seconds in "
            "`Retry-After`: it is answered with the first result, or recorded then.",
        ),
        Kind(
            "internal",
            500,
            "Something went wrong here",
            "A fault of this service. Report the `request_id`; the log knows the rest. Whether a "
            "command was recorded shows when it is sent again with the same Idempotency-Key.",
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
    """Raised by a handler to answer with a problem. ``members`` are added to the document."""

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
    """The answer to a missing or bad token (RFC 6750)."""
    return Problem(
        "unauthenticated",
        detail,
        headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="supervision-ledger"'},
    )


def not_found(
    says: str = "There is nothing here, or nothing that this token may see.",
) -> Problem:
    """The answer where there is nothing, or nothing for this token: the two look alike."""
    return Problem("not-found", says)


def as_problem(error: BaseException) -> Problem:
    """What to answer to ``error``. What nobody foresaw is told to nobody but the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, NotRecorded):
        return _not_recorded(error)
    if isinstance(error, OutcomeUnknown):
        return Problem("outcome-unknown", str(error), headers={hdrs.RETRY_AFTER: RETRY_AFTER})
    if isinstance(error, web.HTTPException):
        return _http(error)
    return Problem("internal", "The service met a fault of its own. Report the request_id.")


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
            # What follows a colon is the cause, as the store tells it, with the paths of files: the
            # log has it, and no sender.
            said = text.partition(": ")[0]
            return Problem("unavailable", said, headers={hdrs.RETRY_AFTER: RETRY_AFTER})
    return Problem("internal", "The service met a fault of its own. Report the request_id.")


def _http(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(
            "method-not-allowed",
            f"This resource takes {allowed}, not {error.method}.",
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


#: Who answers, in every answer: not which versions of what.
SERVER = "supervision-ledger"


def response_to(error: BaseException, *, instance: str | None, request_id: str) -> web.Response:
    """The response that carries the problem of ``error``; ``instance`` is the path, if known."""
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
