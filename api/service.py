"""One running service: the ledger, its followers, the clock, the tokens.

This is the composition root above ``ledger.opening``. The server, the demonstration, the scenarios
and the benchmarks all take their parts from here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aiohttp import web

from api.app import SOURCE, make_app
from api.console.identity import Identity
from api.console.place import Place
from api.console.sessions import Sessions
from api.http.front import Edge
from api.http.tokens import open_tokens
from api.log.cosigning import Cosigning
from api.operations.health import MAX_LAG, Readiness
from api.running.timekeeping import Timekeeper
from api.views import RESOURCES, readiness
from api.webhooks.delivery import Deliverer, Schedule
from api.webhooks.outbox import OUTBOX, Outbox
from api.webhooks.targets import Targets
from ledger.access.events import ClockConfirmed
from ledger.access.tokens import NoteClock
from ledger.evidence import MOST, QUOTA, open_evidence
from ledger.kernel import Actor, Ledger
from ledger.kernel.clock import Clock as Now
from ledger.kernel.clock import system_clock
from ledger.kernel.memory import recorded_at
from ledger.kernel.threads import Pulse
from ledger.opening import (
    is_postgres,
    lease_of,
    ledger_path,
    open_access_log,
    open_accesses,
    open_blobs,
    open_evidence_store,
    open_ledger,
    open_log,
    open_recorder,
    open_vault,
    refuse_keys_lost,
    refuse_writable,
    tables_of,
)
from ledger.systems.persons.erasure import destroy_keys
from ledger.systems.persons.held import wrong_keys
from ledger.transparency.keeper import Keeper
from ledger.transparency.keys import NAMELESS
from ledger.transparency.policy import Policy
from projections.drawing.desk import Desk
from projections.follower import Follower
from projections.opening import all_views, open_own_views
from projections.rebuilding import Rebuilder
from projections.watches.clock import Clock

if TYPE_CHECKING:
    from ledger.stores.leases import Lease


class Service:
    """All parts of one service over the ledger at ``url``; close it, or use it as a context.

    ``ticking``: run the clock process in this service. ``origin``: the name of its log.
    ``witnesses``: who is asked to cosign the log, and which signatures suffice. ``timekeeper``:
    used instead of ``clock`` if an operator must confirm jumps of the clock. ``max_lag``: how many
    positions a follower may be behind while the service still counts as ready. ``evidence_most``
    and ``evidence_quota``: the size limit of one evidence file and of all together, in bytes.
    ``targets``: which addresses webhooks may reach; ``schedule``: when their messages are sent
    again. ``place``: the region and environment that the console names. ``identity``: the
    provider by which persons may sign in to it.

    Raises ``UnusableUrl`` for a URL that cannot be opened and for files that other users may
    write, ``PolicyError`` for witnesses whose signatures can never suffice, and the stores' own
    errors. A vault that lacks keys of persons is such an error, unless ``accept_lost_keys``.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Now = system_clock,
        ticking: bool = False,
        origin: str | None = None,
        witnesses: Policy | None = None,
        accept_lost_keys: bool = False,
        timekeeper: Timekeeper | None = None,
        max_lag: int = MAX_LAG,
        evidence_most: int = MOST,
        evidence_quota: int = QUOTA,
        targets: Targets | None = None,
        schedule: Schedule | None = None,
        place: Place | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.timekeeper = timekeeper
        self._max_lag = max_lag
        self._place = place
        self._identity = identity
        # Tokens expire, and checkpoints are signed, by the clock's unconfirmed time.
        dated_by: Now = clock if timekeeper is None else timekeeper
        clock = clock if timekeeper is None else timekeeper.shown
        if not is_postgres(url):
            refuse_writable(ledger_path(url))
        with ExitStack() as opened:
            self.recorder = opened.enter_context(open_recorder(url))
            self.ledger = opened.enter_context(open_ledger(self.recorder, clock=dated_by))
            self.views = open_own_views(self.recorder)
            opened.callback(self.views.close)
            self.blobs = open_blobs(self.recorder)
            if not accept_lost_keys:
                # Check before opening the vault: opening a missing vault creates an empty one.
                refuse_keys_lost(self.recorder)
            self.vault = opened.enter_context(open_vault(self.recorder))
            # Keys that a crash left undestroyed, or that an old copy of the vault brought back.
            destroy_keys(self.recorder, self.vault)
            self.evidence = open_evidence(
                self.recorder,
                open_evidence_store(self.recorder),
                self.vault,
                most=evidence_most,
                quota=evidence_quota,
            )
            self._lost_keys = sum(1 for _ in wrong_keys(self.recorder, self.vault))
            self.follower = Follower(self.recorder.acknowledged(), self.views)
            opened.callback(self.follower.close)
            self.rebuilder = Rebuilder(self.follower, all_views)
            opened.callback(self.rebuilder.close)
            self.tokens = opened.enter_context(open_tokens(self.recorder, clock=clock))
            self.sessions = Sessions(self.tokens)
            # The access ledger, on the same kernel: refusals and consultations.
            access = opened.enter_context(open_accesses(self.recorder))
            self._accesses = access
            self.access = opened.enter_context(
                Ledger(access, shown=access.acknowledged(), clock=dated_by)
            )
            log = opened.enter_context(open_log(self.recorder, origin=origin, clock=clock))
            # On a server, one node at a time signs, one lets time pass, and one sends to webhooks.
            signing = lease_of(self.recorder, "signing") if log.signs else None
            ticking_for_all = lease_of(self.recorder, "clock")
            sending = lease_of(self.recorder, "webhooks")
            leases = (signing, ticking_for_all, sending)
            self._leases = [lease for lease in leases if lease is not None]
            for lease in self._leases:
                opened.callback(lease.stop)
            signs = _turn(signing, alone=log.signs)
            self.keeper = Keeper(log, self.recorder.acknowledged(), turn=signs)
            opened.callback(self.keeper.close)
            access_log = opened.enter_context(open_access_log(access, log.origin, clock=clock))
            self.access_keeper = Keeper(access_log, access.acknowledged(), "access-log", signs)
            opened.callback(self.access_keeper.close)
            self.witnesses = None if witnesses is None else Cosigning(self.keeper, witnesses)
            if self.witnesses is not None:
                opened.callback(self.witnesses.close)
            self._sends = _turn(sending)
            self.webhooks = Deliverer(
                self.ledger,
                Outbox(tables_of(self.recorder, "webhooks", OUTBOX)),
                self._feed_source(),
                targets=targets,
                schedule=schedule,
                turn=self._sends,
            )
            opened.callback(self.webhooks.close)
            if timekeeper is not None:
                times = [recorded_at(store, store.head()) for store in (self.recorder, access)]
                timekeeper.begin(max((t for t in times if t is not None), default=None))
            self._ticks = _turn(ticking_for_all)
            self.clock = Clock(self.ledger, self.follower, turn=self._ticks)
            opened.callback(self.clock.stop)
            if ticking_for_all is not None:
                ticking_for_all.taken = self.clock.hurry
            if timekeeper is not None:
                # After a confirmation, do the work that fell due while nothing could be recorded.
                timekeeper.on_confirm = self.clock.hurry
            self.follower.start()
            for held in self._leases:
                if held is not ticking_for_all or ticking:
                    held.start()
            self.rebuilder.start()
            if self.witnesses is None:
                self.keeper.start()
            else:
                self.keeper.start(self.witnesses.look)
                self.witnesses.start()
            self.access_keeper.start()
            self.webhooks.start()
            if ticking:
                self.clock.start()
            self._opened = opened.pop_all()

    @property
    def threads(self) -> list[Pulse]:
        """The threads that live as long as the service, except those of its application."""
        # Both ledgers consist of the same parts; the names tell them apart.
        self.access.worker.name = "access-sequencer"
        self._accesses.poller.name = "access-ledger-poll"
        workers = (
            self.follower.worker,
            self.clock.worker,
            *(lease.worker for lease in self._leases if lease.worker.alive),
            None if self.witnesses is None else self.witnesses.worker,
        )
        return [
            self.keeper.worker,
            self.access_keeper.worker,
            self.webhooks.worker,
            self.rebuilder.worker,
            self.recorder.poller,
            self._accesses.poller,
            *(worker for worker in workers if worker is not None),
        ]

    def _sign(self, content: bytes) -> bytes:
        """Sign with the current key of the log."""
        return self.keeper.log.signer.private.sign(content)

    def _feed_source(self) -> str:
        """Return the source of the feed's events: absolute if the log was given a name."""
        name = self.keeper.log.origin
        if name.startswith(NAMELESS):
            return SOURCE
        return f"https://{name.removesuffix('/v1/log')}{SOURCE}"

    def app(self, edge: Edge | None = None) -> web.Application:
        """Return the application that serves these parts. It closes the ledger at shutdown.

        ``edge``: who may hold how many connections and streams.
        """
        return make_app(
            self.ledger,
            tokens=self.tokens,
            views=self.follower,
            resources=RESOURCES,
            access=self.access,
            desk=Desk(self.follower, self.blobs, self._sign),
            log=self.keeper,
            vault=self.vault,
            witnesses=self.witnesses,
            threads=self.threads,
            edge=edge,
            timekeeper=self.timekeeper,
            evidence=self.evidence,
            sessions=self.sessions,
            webhooks=self.webhooks,
            rebuilder=self.rebuilder,
            place=self._place,
            identity=self._identity,
            source=self._feed_source(),
            readiness={
                **readiness(self.follower, self._max_lag),
                **({} if self.timekeeper is None else {"time": self._time_check}),
                "clock": self._clock_check,
                "log": self._log_check,
                "access_log": self._access_log_check,
                "vault": self._vault_check,
                "webhooks": self._webhooks_check,
                **({} if self.witnesses is None else {"witnesses": self._witnesses_check}),
            },
        )

    def _clock_check(self) -> Readiness:
        detail = "ticking" if self._ticks() else "another node ticks"
        return Readiness(ready=self.clock.error is None, detail=self.clock.error or detail)

    def _time_check(self) -> Readiness:
        assert self.timekeeper is not None
        error = self.timekeeper.error
        return Readiness(ready=error is None, detail=error or "in step")

    def confirm_clock(self, actor: Actor) -> None:
        """Accept the clock's time although it jumped; record that ``actor`` confirmed it."""
        if self.timekeeper is not None and self.timekeeper.error is not None:
            newest = self.timekeeper.newest
            confirmed = ClockConfirmed(clock=self.timekeeper.confirm(), last_recorded_at=newest)
            self.access.execute(NoteClock(confirmation=confirmed), actor)

    def _vault_check(self) -> Readiness:
        """Report unready if the vault file is gone; keys missing at the start were accepted."""
        if not self.vault.path.exists():
            return Readiness(ready=False, detail=f"{self.vault.path} is missing: restore it")
        if self._lost_keys:
            return Readiness(
                ready=True, detail=f"the keys of {self._lost_keys} persons were lost: erase them"
            )
        return Readiness(ready=True, detail="every key is there")

    def _webhooks_check(self) -> Readiness:
        error = self.webhooks.error
        detail = "sending" if self._sends() else "another node sends"
        return Readiness(ready=error is None, detail=error or detail)

    def _log_check(self) -> Readiness:
        return self._kept(self.keeper, self.recorder.head())

    def _access_log_check(self) -> Readiness:
        return self._kept(self.access_keeper, self._accesses.head())

    def _witnesses_check(self) -> Readiness:
        """Always ready: the ledger records and signs without witnesses too; see the lag."""
        assert self.witnesses is not None
        witnessed = self.witnesses.witnessed
        size = 0 if witnessed is None else witnessed.size
        return Readiness(
            ready=True,
            detail=self.witnesses.detail(),
            position=size,
            lag=max(0, self.recorder.head() - size),
        )

    def _kept(self, keeper: Keeper, head: int) -> Readiness:
        """Report how far a log is behind its ledger."""
        size = 0 if keeper.newest is None else keeper.newest.size
        lag = max(0, head - size)
        return Readiness(
            ready=keeper.error is None and lag <= self._max_lag,
            detail=keeper.error or "signing",
            position=size,
            lag=lag,
        )

    def close(self) -> None:
        """Stop the threads and close the files, the last opened first. Idempotent."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _turn(lease: Lease | None, *, alone: bool = True) -> Callable[[], bool]:
    """Return the question whether this node has a lease; without leases the answer is ``alone``."""
    return (lambda: alone) if lease is None else (lambda: lease.held)
