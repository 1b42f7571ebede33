"""Evidence files over HTTP: uploaded in a stream, sealed, named by a command, downloaded again.

A file is uploaded for a case and kept for one day; a command that records evidence names its digest
in that time. Readers who may see a fact that names the file may read it; until then only its unit.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import hdrs, web

from api.http.access import OWN_UNIT_ROLES, caller_of
from api.http.asking import PRIVATE
from api.http.keys import EVIDENCE, LEDGER, LINE
from api.http.middlewares import expect
from api.http.problems import Problem, not_found, unauthenticated
from api.http.reader import Reader, reader_of
from api.http.reading import json_response
from api.http.resources import Parameter, Resource, Uploading, check_query
from api.http.tokens import Grant
from api.running.pools import FILES, READS, Pool
from ledger.evidence import (
    WAITS,
    Erased,
    EvidenceFiles,
    NoRoom,
    Taken,
    Unnamed,
    Upload,
    named_files,
)
from ledger.general.vocabulary import StoredFile
from ledger.kernel import Command, Fold, Malformed, Recorded, codec, message
from ledger.kernel.memory import as_query
from ledger.stores import StoreError
from ledger.systems.penalties.commands import AddEvidence, RegisterInAdvance, SeizeProperty
from ledger.systems.penalties.folds import Case
from ledger.systems.process.commands import RecordProcessStep, SealAvRecord, SupersedeEvidence
from ledger.systems.process.folds import Exhibit
from ledger.vault.sealing import Unsealable

T = TypeVar("T")
F = TypeVar("F", bound=Fold)

#: How long an upload may pause, in seconds, and its least average speed, in bytes per second.
IDLE_SECONDS = 15.0
SLOWEST = 64 * 1024
#: The time that every upload may take, whatever its size, in seconds.
GRACE_SECONDS = 60.0
#: How long a reader may leave a part unread, in seconds.
TAKE_SECONDS = 60.0
#: Bytes passed to a thread at a time.
_BATCH = 256 * 1024
#: Simultaneous uploads: of one person, and in all.
UPLOADS_OF_ONE, UPLOADS = 4, 32

_FILES = "/v1/cases/{case}/files"
#: Range headers: a size has at most 19 digits, so longer numbers are not a valid range here.
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})\Z")
_DIGEST_HEADER = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:,|$)")


class UploadedFile(msgspec.Struct, frozen=True):
    """An uploaded file: name its ``digest`` in a command before ``waits_until``."""

    case: str
    digest: str
    size: int
    media_type: str
    waits_until: datetime


class _Under:
    """Counts the uploads in progress. For one event loop."""

    def __init__(self) -> None:
        self._people: dict[str, int] = {}

    def begin(self, who: str) -> None:
        """Count one more upload; refuse it beyond the limit for one person or for all."""
        if sum(self._people.values()) >= UPLOADS or self._people.get(who, 0) >= UPLOADS_OF_ONE:
            raise Problem(
                "too-many-requests",
                message(
                    "sealed.one-person-may-upload-most-files",
                    uploads_of_one=UPLOADS_OF_ONE,
                    uploads=UPLOADS,
                ),
                headers={hdrs.RETRY_AFTER: "5", hdrs.CONNECTION: "close"},
            )
        self._people[who] = self._people.get(who, 0) + 1

    def end(self, who: str) -> None:
        """Count one upload less: it was finished or abandoned."""
        self._people[who] -= 1
        if not self._people[who]:
            del self._people[who]


_UNDER = web.AppKey("uploads", _Under)


def add_uploads(app: web.Application, files: EvidenceFiles | None) -> None:
    """Add the routes for uploads."""
    app[EVIDENCE] = files
    app[_UNDER] = _Under()
    if files is not None:
        for uploading in UPLOADS_TAKEN:
            route = app.router.add_resource(uploading.path)
            route.add_route("POST", uploading.handler, expect_handler=expect)


async def upload(request: web.Request) -> web.Response:
    """Upload a file of a case: the body is its bytes, with any Content-Type.

    The unit of the case sends it. Its first bytes decide its kind. If `Repr-Digest` or
    `Content-Digest` with `sha-256` (RFC 9530) is sent, the body must match it. The file waits one
    day for a command that names its digest, and is then removed. If the digest was recorded before
    the upload, the record says that the file is kept elsewhere; supersede-evidence with the same
    digest makes this service keep it.
    """
    request[LINE].route = _FILES
    grant = await caller_of(request)
    if grant.role not in OWN_UNIT_ROLES:
        if not grant.id:
            raise unauthenticated("sealed.token-needed-upload-files")
        raise Problem("forbidden", message("sealed.role-may-not-upload-files", role=grant.role))
    check_query(request)
    files = _files(request)
    case = request.match_info["case"]
    await _require_own_case(request, grant, case)
    coding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    if coding != "identity":
        raise Problem(
            "unsupported-encoding",
            "sealed.content-encoding-file-must-be-identity",
            headers={hdrs.ACCEPT_ENCODING: "identity"},
        )
    if (request.content_length or 0) > files.most:
        raise _too_large(files.most)
    under = request.app[_UNDER]
    under.begin(grant.person)
    try:
        taken = await _taken(request, files, case)
    finally:
        under.end(grant.person)
    waits_until = datetime.fromtimestamp(
        request.app[LEDGER].clock().timestamp() + WAITS, UTC
    ).replace(microsecond=0)
    shown = UploadedFile(
        case=case,
        digest=taken.digest,
        size=taken.file.size,
        media_type=taken.file.media_type,
        waits_until=waits_until,
    )
    location = f"/v1/cases/{case}/files/{taken.digest}"
    return json_response(shown, status=201, headers={**PRIVATE, hdrs.LOCATION: location})


async def _require_own_case(request: web.Request, grant: Grant, case: str) -> None:
    """Give the same answer for a case that does not exist and for a case of another unit."""
    known = await FILES.run(lambda: _now(request.app, Case(case)))
    if not known.exists or known.filed.unit != grant.unit:
        raise not_found()


async def _taken(request: web.Request, files: EvidenceFiles, case: str) -> Taken:
    begun: Upload | None = None
    try:
        begun = await _worked(lambda: files.receive(case))
        await _received(request, files.most, begun)
        _require_stated(request, begun)
        taken = await _worked(begun.keep)
    except BaseException:
        if begun is not None:
            await _discarded(begun)
        raise
    return taken


async def _discarded(begun: Upload) -> None:
    """Remove an unfinished file in a thread, because the disk may be slow."""
    try:
        await asyncio.shield(FILES.run(begun.discard))
    except Problem:  # no thread is free, but the file must be removed all the same
        begun.discard()


async def _received(request: web.Request, most: int, begun: Upload) -> None:
    """Pass on the parts of the body as they arrive."""
    loop = asyncio.get_running_loop()
    began, size = loop.time(), 0
    waiting = bytearray()
    ended = False
    while not ended:
        deadline = began + GRACE_SECONDS + size / SLOWEST
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + IDLE_SECONDS)):
                part = await request.content.readany()
        except TimeoutError:
            raise Problem(
                "timed-out",
                message(
                    "sealed.file-must-arrive-without-pause-more",
                    idle_seconds=IDLE_SECONDS,
                    slowest=SLOWEST // 1024,
                ),
                headers={hdrs.CONNECTION: "close"},
            ) from None
        ended = not part
        size += len(part)
        if size > most:
            raise _too_large(most)
        waiting += part
        if waiting and (ended or len(waiting) >= _BATCH):
            batch = bytes(waiting)
            waiting.clear()
            await _worked(lambda batch=batch: begun.write(batch))  # type: ignore[misc]
    if not size:
        raise Problem("malformed", "sealed.body-must-be-bytes-file")


def _require_stated(request: web.Request, begun: Upload) -> None:
    """Refuse a file that does not match the digest that the sender stated."""
    for name in ("Repr-Digest", "Content-Digest"):
        if (given := request.headers.get(name)) is not None:
            stated = _DIGEST_HEADER.search(given)
            if stated is None:
                raise Problem("malformed", message("sealed.must-be-sha-256-base64", name=name))
            if b64decode(stated[1]) != begun.digest:
                raise Problem("malformed", message("sealed.must-be-digest-body", name=name))


async def _worked(work: Callable[[], T], pool: Pool = FILES) -> T:
    """Run work on the store in a thread; turn its errors into problems."""
    try:
        return await pool.run(work)
    except Unnamed as error:
        raise Problem("unsupported-file", error.message) from error
    except Erased as error:
        raise Problem("out-of-step", error.message) from error
    except NoRoom as error:
        raise Problem("out-of-room", error.message, headers={hdrs.CONNECTION: "close"}) from error
    except (StoreError, OSError) as error:
        raise Problem(
            "unavailable",
            "sealed.evidence-store-did-not-respond-properly",
            headers={hdrs.RETRY_AFTER: "1"},
        ) from error


def _now(app: web.Application, fold: F) -> F:
    """Return a fold over the current records."""
    stored = app[LEDGER].recorder.read(as_query([fold.selector()]))
    return fold.over([codec.decode(s.position, s.event.data) for s in stored])


def _too_large(most: int) -> Problem:
    return Problem(
        "too-large",
        message("sealed.file-must-most-bytes", most=most),
        headers={hdrs.CONNECTION: "close"},
    )


def _files(request: web.Request) -> EvidenceFiles:
    files = request.app[EVIDENCE]
    assert files is not None  # the routes exist only with a store
    return files


async def download(request: web.Request) -> web.StreamResponse:
    """One file of a case, complete or one `Range` of its bytes.

    Readers who may see a fact that names the file may read it: its unit, its business and the
    supervisors. If it was given in confidence, or no fact names it yet, only its unit and the
    Justice Bureau. Every download is recorded in the access ledger.
    """
    reader = await reader_of(request)
    files = _files(request)
    case, digest = request.match_info["case"], request.match_info["digest"]
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise not_found()
    file = await _worked(lambda: _readable(files, request, reader, case, digest), pool=READS)
    if file is None:
        raise not_found()
    first, last = _range(request, file.size)
    whole = (first, last) == (0, file.size - 1)
    try:
        parts = await _worked(lambda: files.read(case, digest, first, last))
        if parts is None:
            raise not_found()
        # Open the first part before the headers promise anything.
        part = await _worked(lambda: next(parts, b""))
    except Unsealable as error:
        raise Problem("unavailable", "sealed.file-cannot-decrypted-now") from error
    headers = {
        **PRIVATE,
        hdrs.CACHE_CONTROL: "private, no-store",
        hdrs.CONTENT_TYPE: file.media_type,
        hdrs.CONTENT_LENGTH: str(last - first + 1),
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{digest[:16]}"',
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.ETAG: f'"{digest}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if not whole:
        headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{last}/{file.size}"
    response = web.StreamResponse(status=200 if whole else 206, headers=headers)
    response.headers["X-Request-Id"] = request[LINE].request_id
    try:
        await response.prepare(request)
        while part and request.method != "HEAD":
            async with asyncio.timeout(TAKE_SECONDS):
                await response.write(part)
            part = await _next(parts)
        await response.write_eof()
    except TimeoutError:
        raise ConnectionError("the client did not read the file") from None
    finally:
        with suppress(ValueError):  # a thread still uses it, and closes it when finished
            parts.close()
    return response


async def _next(parts: Generator[bytes, None, None]) -> bytes:
    """Return the next part. If it cannot be decrypted, break off: its length was promised."""
    try:
        return await FILES.run(lambda: next(parts, b""))
    except (Unsealable, OSError) as error:
        raise ConnectionError("the rest of the file cannot be decrypted") from error


def _readable(
    files: EvidenceFiles, request: web.Request, reader: Reader, case: str, digest: str
) -> StoredFile | None:
    """Return a stored file if the caller may read it, else ``None``."""
    named = files.of_case(case)
    if named.erased:
        return None
    unit = named.unit
    if digest not in named.files:
        filed = _now(request.app, Case(case)).filing
        if filed is None or not reader.sees("sealed", filed.unit, ()):
            return None
    elif named.files[digest]:
        if not reader.sees("sealed", unit, ()):
            return None
    elif not reader.sees("restricted", unit, (f"unit:{unit}", f"entity:{named.entity}")):
        return None
    return files.stored(case, digest)


def _range(request: web.Request, size: int) -> tuple[int, int]:
    """Return the first and last requested byte; all bytes if the header is not a valid range."""
    given = request.headers.get(hdrs.RANGE, "")
    wanted = _RANGE.match(given.strip())
    if wanted is None or request.method == "HEAD":
        return 0, size - 1
    begin, end = wanted[1], wanted[2]
    if not begin and not end:
        return 0, size - 1
    if not begin:
        first, last = max(0, size - int(end)), size - 1
    else:
        first, last = int(begin), min(int(end or size - 1), size - 1)
    if first > last or (not begin and not int(end)):
        raise Problem(
            "range-not-satisfiable",
            message("sealed.range-must-be-within-file-bytes", size=size),
            headers={hdrs.CONTENT_RANGE: f"bytes */{size}"},
        )
    return first, last


#: The commands that name a file, and the field with its digest.
_NAMES: Mapping[type[Command], str] = {
    RecordProcessStep: "evidence_hash",
    SealAvRecord: "sha256",
    SupersedeEvidence: "evidence_hash",
    AddEvidence: "digest",
    RegisterInAdvance: "digest",
    SeizeProperty: "digest",
}


def names_file(command: type[Command]) -> bool:
    """Return whether a command can name an uploaded file."""
    return command in _NAMES


async def with_file(app: web.Application, command: Any, grant: Grant) -> Command:
    """Return the command with the file it names, if the file was uploaded for its case.

    For a sender of another unit than the case's nothing is read: the ledger refuses the command.
    """
    if command.file is not None:
        raise Malformed("sealed.must-be-left-out", pointer="/file")
    files, digest = app[EVIDENCE], getattr(command, _NAMES[type(command)])
    if files is None or digest is None:
        return command  # type: ignore[no-any-return]

    def look() -> StoredFile | None:
        case = getattr(command, "case", None) or _now(app, Exhibit(command.evidence)).case
        filed = _now(app, Case(case)).filing if case else None
        return files.held(case, digest) if filed and filed.unit == grant.unit else None

    file = await _worked(look)
    return msgspec.structs.replace(command, file=file)  # type: ignore[no-any-return]


async def settled(app: web.Application, records: Sequence[Recorded]) -> None:
    """Record that the named files need not wait for a command any longer.

    If this fails, the next sweep does it.
    """
    files, named = app[EVIDENCE], list(named_files(records))
    if files is None or not named:
        return

    def settle() -> None:
        for file in named:
            files.settle(file.case, file.digest)

    with suppress(Problem, OSError):
        await FILES.run(settle)


UPLOADS_TAKEN = (Uploading(_FILES, upload, UploadedFile),)

#: One range of the bytes of a file (RFC 9110, section 14.1.2).
ByteRange = Annotated[
    str, msgspec.Meta(pattern=r"^bytes=[0-9]*-[0-9]*(?![\s\S])", examples=["bytes=0-1023"])
]

RESOURCES = (
    Resource(
        f"{_FILES}/{{digest}}",
        download,
        audited=True,
        headers=(
            Parameter(
                "Range",
                str,
                "`bytes=first-last`: one range of bytes",
                place="header",
                values=ByteRange,
            ),
        ),
        media_types=("application/octet-stream",),
    ),
)
