"""Typed keys for what the parts of one application share, and for data of a request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from api.http.tokens import Grant, Tokens
from api.log.cosigning import Cosigning
from api.running.timekeeping import Timekeeper
from ledger.evidence import EvidenceFiles
from ledger.kernel import Ledger
from ledger.transparency.keeper import Keeper
from ledger.vault.store import Vault
from projections.drawing.desk import Desk
from projections.rebuilding import Rebuilder

LEDGER = web.AppKey("ledger", Ledger)
TOKENS = web.AppKey("tokens", Tokens)
#: The follower that answers questions from views; the modules that use it know its type.
VIEWS: web.AppKey[Any] = web.AppKey("views", object)
#: Rebuilds views while the service runs.
REBUILDER: web.AppKey[Rebuilder | None] = web.AppKey("rebuilder")
#: Prepares commands that take longer than the sequencer should wait.
DESK: web.AppKey[Desk | None] = web.AppKey("desk")
#: The keys that seal data about natural persons.
VAULT: web.AppKey[Vault | None] = web.AppKey("vault")
#: The store of evidence files, if this service has one.
EVIDENCE: web.AppKey[EvidenceFiles | None] = web.AppKey("evidence")
#: The access ledger, for reading.
ACCESS: web.AppKey[Any] = web.AppKey("access", object)
#: The keeper of the transparency log.
LOG = web.AppKey("log", Keeper)
#: The clock that dates commands, if it is watched for jumps.
TIMEKEEPER: web.AppKey[Timekeeper | None] = web.AppKey("timekeeper")
#: Has witnesses cosign the log, if there are any.
WITNESSES: web.AppKey[Cosigning | None] = web.AppKey("witnesses")

#: Sends the events of subscriptions to webhooks; the modules that use it know its type.
DELIVERY: web.AppKey[Any] = web.AppKey("delivery", object)


#: Every GET resource of this application, and every command that is sent to it.
SERVED: web.AppKey[Any] = web.AppKey("served", object)
SENT: web.AppKey[Any] = web.AppKey("sent", object)


class Line(msgspec.Struct):
    """The fields of a request's canonical log line; handlers fill them in as they learn them."""

    request_id: str
    route: str = "-"
    grant: Grant | None = None
    command_id: str | None = None
    position: int | None = None
    problem: str | None = None
    #: The least position of the views that the answer was read from.
    view_position: int | None = None
    more: Mapping[str, Any] = msgspec.field(default_factory=dict)
    #: Whether the page that asks has recorded the consultation already.
    recorded: bool = False
    started: float = msgspec.field(default_factory=time.perf_counter)


LINE = web.RequestKey("line", Line)
#: The token as which a request is let in that has none in its headers.
ADMITTED = web.RequestKey("admitted", str)
