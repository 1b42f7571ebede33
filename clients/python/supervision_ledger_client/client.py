"""The client: reading, sending commands, following the feed."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx
import msgspec

from supervision_ledger_client.cursors import Cursor, MemoryCursor
from supervision_ledger_client.problems import (
    OutcomeUnknown,
    Problem,
    TooEarly,
    TooManyRequests,
    Unavailable,
    Unfinished,
    Unreachable,
    problem_of,
)
from supervision_ledger_client.receipts import Receipt
from supervision_ledger_client.types import (
    Event,
    FeedPage,
    Profile,
    Recorded,
    RecordedEvent,
    Removal,
)

T = TypeVar("T")

log = logging.getLogger("supervision_ledger_client")

#: How long a request is repeated while the service cannot take it, in seconds.
PATIENCE = 60.0

#: How long one answer may take, in seconds.
TIMEOUT = 30.0

#: The longest pause between two tries, in seconds.
MAX_PAUSE = 15.0

#: How long the service may hold a request of a subscriber that has everything, in seconds.
WAIT = 25

#: The least time between two savings of the cursor within one page, in seconds. After a crash, the
#: events handled since then come again.
SAVE_SECONDS = 1.0

#: Events on a page of a subscriber.
PAGE = 500

#: The time zone of the ledger's days: China has one, without summer time.
_ZONE = timezone(timedelta(hours=8))

_REPEATABLE = (Unavailable, OutcomeUnknown, Unfinished, TooEarly)


def today() -> date:
    """Return the day that it is for the ledger, wherever this computer stands."""
    return datetime.now(_ZONE).date()


class Ledger:
    """A supervision ledger at an address such as ``https://ledger.example.gov.cn``.

    ``token``: without it, what the public may read. ``patience``: how many seconds to repeat a
    request while the service is down or busy; a subscription repeats for ever. Not to be shared
    between threads while a subscription runs; make one for each.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        *,
        language: str | None = None,
        patience: float = PATIENCE,
        timeout: float = TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"User-Agent": "supervision-ledger-client"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if language is not None:
            headers["Accept-Language"] = language
        self._patience = patience
        self._http = httpx.Client(
            base_url=address, headers=headers, timeout=timeout, transport=transport
        )

    def close(self) -> None:
        """Close the connections. May be called twice."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Reading

    def get(self, path: str, type: type[T], **query: Any) -> T:
        """Return the JSON document at a path as ``type``. Raises ``Problem``, ``Unreachable``."""
        return _decoded(self._read(path, query), type)

    def pages(self, path: str, type: type[T], **query: Any) -> Iterator[T]:
        """Yield the pages of a list, following its ``Link`` headers."""
        answer = self._read(path, query)
        while True:
            yield _decoded(answer, type)
            following = answer.links.get("next")
            if following is None:
                return
            answer = self._read(following["url"], {})

    def items(self, path: str, type: type[T], **query: Any) -> Iterator[T]:
        """Yield the entries of a list, page by page."""
        for page in self.pages(path, _Items, **query):
            for item in page.items:
                yield msgspec.json.decode(item, type=type)

    def event(self, position: int) -> RecordedEvent:
        """Return the event at a position."""
        return self.get(f"/v1/events/{position}", RecordedEvent)

    def profile(
        self,
        entity: str,
        *,
        valid_as_of: date | None = None,
        known_as_of: datetime | None = None,
        at_least: int | None = None,
    ) -> Profile:
        """Return the credit profile of a business, today or as of another day or state."""
        answer = self._read(
            f"/v1/entities/{entity}/profile",
            {"valid_as_of": valid_as_of, "known_as_of": known_as_of, "at_least": at_least},
        )
        profile = _decoded(answer, Profile)
        return msgspec.structs.replace(profile, raw=msgspec.json.decode(answer.content))

    # Sending commands

    def send(self, command: str, body: Any, *, key: str | None = None) -> Recorded:
        """Send a command, such as ``filing/approve-task``; return what it recorded.

        It is sent with an Idempotency-Key, ``key`` or a new one, so it is recorded once however
        often it is sent. While the service cannot take it or does not answer, it is sent again.
        Raises the ``Problem`` of a refusal. If patience ends, the last error has the ``key`` in
        use; a program that may crash meanwhile passes a key of its own and keeps it.
        """
        key = uuid4().hex if key is None else key
        request = self._http.build_request(
            "POST",
            f"/v1/{command}",
            content=msgspec.json.encode(body),
            headers={"Content-Type": "application/json", "Idempotency-Key": key},
        )
        return _decoded(self._patiently(request, key), Recorded)

    # Sharing

    def removals(self, *, done: bool | None = False) -> Iterator[Removal]:
        """Yield the notices to remove a record; by default those not confirmed yet."""
        return self.items("/v1/sharing/removals", Removal, done=done)

    def acknowledge_removal(self, removal: str, removed_on: date) -> Recorded:
        """Confirm that the record of a notice was removed on a day, as `today` returns it.

        The key is made from the notice, so a confirmation that is sent twice is recorded once.
        """
        body = {"removal": removal, "removed_on": removed_on}
        return self.send("sharing/acknowledge-removal", body, key=f"acknowledge {removal}")

    # The feed

    def feed(
        self,
        *,
        after: int = 0,
        types: Iterable[str] = (),
        subjects: Iterable[str] = (),
        since: date | datetime | None = None,
        limit: int = PAGE,
        wait: int = 0,
    ) -> FeedPage:
        """Return one page of the feed. ``wait``: up to how many seconds to wait for an event."""
        return _decoded(
            self._patiently(self._page(after, types, subjects, since, limit, wait)), FeedPage
        )

    def subscribe(
        self,
        *,
        cursor: Cursor | None = None,
        types: Iterable[str] = (),
        subjects: Iterable[str] = (),
        since: date | datetime | None = None,
    ) -> Iterator[Event]:
        """Yield every event after the cursor, in order, and wait for new ones without an end.

        An event counts as handled when the next one is asked for; then the cursor moves. A program
        that ends within the body of its loop gets that event again, and after a crash those of the
        last second too. It never gets a lower position after a higher one, so a program that keeps
        the position with its own data, and passes over what it already has, handles each event
        exactly once. Raises the ``Problem`` of a refusal; an outage is waited for.
        """
        cursor = MemoryCursor() if cursor is None else cursor
        types, subjects = tuple(types), tuple(subjects)
        saved = cursor.load()
        position = saved
        try:
            while True:
                request = self._page(position, types, subjects, since, PAGE, WAIT)
                page = _decoded(self._patiently(request, for_ever=True), FeedPage)
                saved_at = time.monotonic()
                for event in page.events:
                    if event.position <= position:
                        continue
                    yield event
                    position = event.position
                    if time.monotonic() - saved_at >= SAVE_SECONDS:
                        cursor.save(position)
                        saved, saved_at = position, time.monotonic()
                # Past events that the token does not see, too.
                position = max(position, page.next_after)
                if position > saved:
                    cursor.save(position)
                    saved = position
        finally:
            if position > saved:
                cursor.save(position)

    # Receipts

    def receipt(self, position: int) -> Receipt:
        """Return the receipt of an event, with its record if the token may have it.

        ``Receipt.verify`` checks it without the service; keep it with the key of the log.
        """
        proof = self._read(f"/v1/events/{position}/proof", {}).content
        record = self._read(f"/v1/events/{position}/record", {}).content
        return Receipt(record, proof)

    def log_key(self) -> str:
        """Return the public key of the log. Take it once, from a connection that you trust."""
        return self._read("/v1/log/key", {}).text.strip()

    # Requests

    def _page(  # noqa: PLR0917 - the parameters of the feed
        self,
        after: int,
        types: Iterable[str],
        subjects: Iterable[str],
        since: date | datetime | None,
        limit: int,
        wait: int,
    ) -> httpx.Request:
        query = {"after": after, "type": tuple(types), "subject": tuple(subjects)}
        query |= {"since": since, "limit": limit, "wait": wait or None}
        return self._http.build_request(
            "GET",
            "/v1/feed",
            params=_pairs(query),
            headers={"Accept": "application/json"},
            timeout=self._timeout(wait),
        )

    def _timeout(self, wait: int) -> httpx.Timeout:
        timeout = self._http.timeout
        read = None if timeout.read is None else timeout.read + wait
        return httpx.Timeout(
            connect=timeout.connect, read=read, write=timeout.write, pool=timeout.pool
        )

    def _read(self, path: str, query: dict[str, Any]) -> httpx.Response:
        # Without a query, the path keeps its own.
        params = _pairs(query) or None
        return self._patiently(self._http.build_request("GET", path, params=params))

    def _patiently(
        self, request: httpx.Request, key: str | None = None, *, for_ever: bool = False
    ) -> httpx.Response:
        """Send a request, again and again while the service cannot take it."""
        deadline = time.monotonic() + self._patience
        tries = 0
        while True:
            error: Problem | Unreachable
            try:
                answer = self._http.send(request)
            except httpx.UnsupportedProtocol:
                raise
            except httpx.TransportError as lost:
                error = Unreachable(f"{request.url.host}: {type(lost).__name__}: {lost}", key)
                error.__cause__ = lost
            else:
                if not answer.is_error:
                    return answer
                error = problem_of(answer, key)
                # A subscription outlives a minute in which its address has asked too often.
                limited = for_ever and isinstance(error, TooManyRequests)
                if not (limited or isinstance(error, _REPEATABLE)):
                    raise error
            tries += 1
            pause = _pause(tries, error)
            if not for_ever and time.monotonic() + pause > deadline:
                raise error
            log.warning("%s; trying again in %.1f seconds", error, pause)
            time.sleep(pause)


class _Items(msgspec.Struct):
    """A page of a list; its entries are decoded one by one."""

    items: tuple[msgspec.Raw, ...]


def _pause(tries: int, error: Problem | Unreachable) -> float:
    """Return how long to wait: what the service asks for, else longer each time, with a chance.

    The chance keeps many clients from returning at the same moment.
    """
    asked = error.retry_after if isinstance(error, Problem) else None
    usual = min(MAX_PAUSE, 0.1 * 2 ** min(tries, 10))
    return (usual if asked is None else asked) * random.uniform(1.0, 1.5)  # noqa: S311


def _decoded(answer: httpx.Response, type: type[T]) -> T:
    return msgspec.json.decode(answer.content, type=type)


#: A query as pairs, in the type that httpx takes.
_Pairs = list[tuple[str, str | int | float | bool | None]]


def _pairs(query: dict[str, Any]) -> _Pairs:
    """Return a query as pairs: several values as several pairs, without what is ``None``."""
    pairs: _Pairs = []
    for name, value in query.items():
        values = value if isinstance(value, tuple) else (value,)
        pairs += [(name, _text(each)) for each in values if each is not None]
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
