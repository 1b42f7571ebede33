"""What the parts of one application share, by typed key, and what a request carries along."""

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

LEDGER = web.AppKey("ledger", Ledger)
TOKENS = web.AppKey("tokens", Tokens)
#: Whatever answers questions from views; the modules that ask it know its type.
VIEWS: web.AppKey[Any] = web.AppKey("views", object)
#: Where commands are prepared that take longer than the sequencer should wait for.
DESK: web.AppKey[Desk | None] = web.AppKey("desk")
#: The keys of what is sealed about natural persons.
VAULT: web.AppKey[Vault | None] = web.AppKey("vault")
#: Files of evidence, if this service keeps any.
EVIDENCE: web.AppKey[EvidenceFiles | None] = web.AppKey("evidence")
#: What was refused and looked at, as it can be read.
ACCESS: web.AppKey[Any] = web.AppKey("access", object)
#: What keeps the transparency log.
LOG = web.AppKey("log", Keeper)
#: The clock that commands are dated by, if it is watched for jumps.
TIMEKEEPER: web.AppKey[Timekeeper | None] = web.AppKey("timekeeper")
#: What has witnesses cosign it, if there are any.
WITNESSES: web.AppKey[Cosigning | None] = web.AppKey("witnesses")


class Line(msgspec.Struct):
    """What the canonical log line will say of a request; handlers fill it in as they learn it."""

    request_id: str
    route: str = "-"
    grant: Grant | None = None
    command_id: str | None = None
    position: int | None = None
    problem: str | None = None
    #: Where the view stood, at least, that the answer was read from.
    view_position: int | None = None
    more: Mapping[str, Any] = msgspec.field(default_factory=dict)
    started: float = msgspec.field(default_factory=time.perf_counter)


LINE = web.RequestKey("line", Line)
