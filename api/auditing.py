"""Who was refused what, and which supervisor looked at what (rulebook 0.9): taken down at once.

It goes into a ledger of its own on the same kernel, before the answer leaves: nobody is shown
anything as a supervisor who cannot be taken down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from api.counter import Counter
from api.tokens import Grant
from api.visibility import SUPERVISORS
from ledger.access.commands import NoteConsultation, NoteRefusal
from ledger.access.events import CommandRefused, RecordsConsulted, RuleId
from ledger.kernel import Command, Context, Ledger, Refusal
from ledger.kernel.sequencer import make_context
from ledger.vocabulary import EntityId, PersonId, UnitId

T = TypeVar("T")

#: The longest path and query that is kept whole.
MAX_ASKED = 1_000

#: In the place of a text that somebody was searched by.
_WITHHELD = "withheld"
_SHORTENED = " …"


class Audit:
    """Takes down refusals and consultations in the access ledger; nothing without one."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._counter: Counter | None = None

    async def context(self, app: web.Application) -> AsyncIterator[None]:
        """Open for as long as the application runs; closes the access ledger at its end."""
        if self._ledger is not None:
            self._counter = Counter(self._ledger, asyncio.get_running_loop())
        yield
        if self._ledger is not None:
            await asyncio.to_thread(self._ledger.close)

    async def refused(
        self, grant: Grant, command: Command, context: Context, refusal: Refusal
    ) -> None:
        """Take down that a rule refused a command."""
        unit = getattr(command, "unit", None) or grant.unit
        await self._note(
            grant,
            lambda: NoteRefusal(
                refusal=CommandRefused(
                    unit=msgspec.convert(unit, UnitId),
                    command=type(command).__name__,
                    rule=msgspec.convert(refusal.rule.id, RuleId),
                    message=refusal.message[:MAX_ASKED],
                    refused_command=context.command_id,
                    policy_key=refusal.rule.policy_key,
                    policy_version=refusal.policy_version,
                    entity=_as(EntityId, getattr(command, "entity", None)),
                )
            ),
        )

    async def consulted(
        self, grant: Grant, route: str, request: web.Request, *, anybody: bool = False
    ) -> None:
        """Take down that a supervisor looks at something, or with ``anybody`` that anybody does."""
        if grant.role not in SUPERVISORS and not anybody:
            return
        asked = _without_words(request)
        await self._note(
            grant,
            lambda: NoteConsultation(
                consultation=RecordsConsulted(
                    unit=grant.unit,
                    route=route,
                    asked=asked if len(asked) <= MAX_ASKED else asked[:MAX_ASKED] + _SHORTENED,
                    entity=_as(EntityId, request.match_info.get("entity")),
                    person=_as(PersonId, request.match_info.get("person")),
                )
            ),
        )

    async def _note(self, grant: Grant, make: Callable[[], Command]) -> None:
        if self._counter is None or self._ledger is None:
            return
        command = make()
        await self._counter.execute(
            command, make_context(command, grant.actor(), self._ledger.clock())
        )


def _without_words(request: web.Request) -> str:
    """What was asked, without words of the asker's own: they may be a person's name, and stay.

    Ids, dates and numbers are ASCII, and kept.
    """
    path = "/".join(_word(part) for part in request.path.split("/"))
    query = urlencode([(name, _word(value)) for name, value in request.query.items()], safe="/:")
    return f"{path}?{query}" if query else path


def _word(said: str) -> str:
    return said if said.isascii() else _WITHHELD


def _as(kind: Any, given: Any) -> str | None:
    """The id of a subject, if what was sent is one: what cannot be read back is not written."""
    try:
        found: str | None = msgspec.convert(given, kind | None)
    except msgspec.ValidationError:
        return None
    return found


AUDIT = web.AppKey("audit", Audit)
