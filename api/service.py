"""One process's worth of service: the ledger, what follows it, the clock, the tokens.

The composition root above ``ledger.opening``: the server, the demonstration, the scenarios and the
benchmarks get the same parts from here.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from aiohttp import web

from api.app import make_app
from api.http.front import Edge
from api.http.tokens import Tokens
from api.log.cosigning import Cosigning
from api.operations.health import MAX_LAG, Readiness
from api.running.timekeeping import Timekeeper
from api.views import RESOURCES, readiness
from ledger.access.events import ClockConfirmed
from ledger.access.tokens import NoteClock
from ledger.evidence import MOST, QUOTA, open_evidence
from ledger.kernel import Actor, Ledger
from ledger.kernel.clock import Clock as Now
from ledger.kernel.clock import system_clock
from ledger.kernel.memory import recorded_at
from ledger.kernel.threads import Pulse
from ledger.opening import (
    beside,
    blobs_folder,
    claim,
    ledger_path,
    open_access_log,
    open_accesses,
    open_ledger,
    open_log,
    open_recorder,
    refuse_writable,
)
from ledger.stores.blobs import Blobs
from ledger.systems.persons.erasure import destroy_keys
from ledger.systems.persons.held import refuse_lost_keys, wrong_keys
from ledger.transparency.keeper import Keeper
from ledger.transparency.policy import Policy
from ledger.vault.store import Vault
from projections.drawing.desk import Desk
from projections.follower import Follower
from projections.opening import open_views
from projections.watches.clock import Clock


class Service:
    """The parts of one service over the ledger at ``url``; close it, or use it as a context.

    ``ticking``: whether the clock process runs in here by itself. ``origin``: the name of its log.
    ``witnesses``: who is asked to cosign it, and whose signatures suffice. Raises ``UnusableUrl``
    for a URL that cannot be opened and for files that others may write, ``PolicyError`` for
    witnesses whose signatures never could suffice, and whatever the store raises: of the vault,
    that it lacks keys of persons, unless ``accept_lost_keys``.
    ``timekeeper``: the clock instead of ``clock``, if jumps of it wait for an
    operator. ``max_lag``: how many positions a follower may be behind and the service still ready.
    ``evidence_most`` and ``evidence_quota``: bytes of one file of evidence, and of all of them.
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
    ) -> None:
        path = ledger_path(url)
        self.timekeeper = timekeeper
        self._max_lag = max_lag
        # Tokens end and checkpoints are signed by the clock as it is.
        dated_by: Now = clock if timekeeper is None else timekeeper
        clock = clock if timekeeper is None else timekeeper.shown
        refuse_writable(path)
        with ExitStack() as opened:
            self.recorder = opened.enter_context(open_recorder(url))
            self.ledger = opened.enter_context(open_ledger(self.recorder, clock=dated_by))
            claim(beside(path, "views"), self.recorder)
            self.views = open_views(url)
            opened.callback(self.views.close)
            self.blobs = Blobs(blobs_folder(path))
            if not accept_lost_keys:
                # Before an empty vault is made where another one has to be.
                refuse_lost_keys(self.recorder, beside(path, "vault"))
            vault = Vault(beside(path, "vault"), mark=self.recorder.mark())
            self.vault = opened.enter_context(vault)
            # What a crash left, or an old copy of the vault brought back.
            destroy_keys(self.recorder, self.vault)
            self.evidence = open_evidence(
                self.recorder, self.vault, most=evidence_most, quota=evidence_quota
            )
            self._lost_keys = sum(1 for _ in wrong_keys(self.recorder, self.vault))
            self.follower = Follower(self.recorder, self.views)
            opened.callback(self.follower.close)
            tokens = claim(beside(path, "tokens"), self.recorder)
            self.tokens = opened.enter_context(Tokens.open(tokens, clock=clock))
            # Who was refused and who looked: a second ledger, on the same kernel.
            access = opened.enter_context(open_accesses(self.recorder))
            self._accesses = access
            self.access = opened.enter_context(Ledger(access, clock=dated_by))
            log = opened.enter_context(open_log(self.recorder, origin=origin, clock=clock))
            self.keeper = Keeper(log, self.recorder)
            opened.callback(self.keeper.close)
            access_log = opened.enter_context(open_access_log(access, log.origin, clock=clock))
            self.access_keeper = Keeper(access_log, access, "access-log")
            opened.callback(self.access_keeper.close)
            self.witnesses = None if witnesses is None else Cosigning(self.keeper, witnesses)
            if self.witnesses is not None:
                opened.callback(self.witnesses.close)
            if timekeeper is not None:
                times = [recorded_at(one, one.head()) for one in (self.recorder, access)]
                timekeeper.begin(max((t for t in times if t is not None), default=None))
            self.clock = Clock(self.ledger, self.follower)
            opened.callback(self.clock.stop)
            if timekeeper is not None:
                # What fell due while nothing could be recorded, and whether it can be now.
                timekeeper.on_confirm = self.clock.hurry
            self.follower.start()
            if self.witnesses is None:
                self.keeper.start()
            else:
                self.keeper.start(self.witnesses.look)
                self.witnesses.start()
            self.access_keeper.start()
            if ticking:
                self.clock.start()
            self._opened = opened.pop_all()

    @property
    def threads(self) -> list[Pulse]:
        """The threads that live as long as the service, but for those that its application has."""
        # Both ledgers are made of the same parts: say which is which.
        self.access.worker.name = "access-sequencer"
        self._accesses.poller.name = "access-ledger-poll"
        workers = (
            self.follower.worker,
            self.clock.worker,
            None if self.witnesses is None else self.witnesses.worker,
        )
        return [
            self.keeper.worker,
            self.access_keeper.worker,
            self.recorder.poller,
            self._accesses.poller,
            *(worker for worker in workers if worker is not None),
        ]

    def _sign(self, content: bytes) -> bytes:
        """Sign with the key by which the log signs now."""
        return self.keeper.log.signer.private.sign(content)

    def app(self, edge: Edge | None = None) -> web.Application:
        """The application that serves all this. It closes the ledger when it ends.

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
            readiness={
                **readiness(self.follower, self._max_lag),
                **({} if self.timekeeper is None else {"time": self._time_check}),
                "clock": self._clock_check,
                "log": self._log_check,
                "access_log": self._access_log_check,
                "vault": self._vault_check,
                **({} if self.witnesses is None else {"witnesses": self._witnesses_check}),
            },
        )

    def _clock_check(self) -> Readiness:
        return Readiness(ready=self.clock.error is None, detail=self.clock.error or "ticking")

    def _time_check(self) -> Readiness:
        assert self.timekeeper is not None
        error = self.timekeeper.error
        return Readiness(ready=error is None, detail=error or "in step")

    def confirm_clock(self, actor: Actor) -> None:
        """Take the clock's word although it has jumped; recorded as the word of ``actor``."""
        if self.timekeeper is not None and self.timekeeper.error is not None:
            newest = self.timekeeper.newest
            confirmed = ClockConfirmed(clock=self.timekeeper.confirm(), last_recorded_at=newest)
            self.access.execute(NoteClock(confirmation=confirmed), actor)

    def _vault_check(self) -> Readiness:
        """Unready without its file. Keys that were lost at the start were accepted as lost."""
        if not self.vault.path.exists():
            return Readiness(ready=False, detail=f"{self.vault.path} is gone: put it back")
        if self._lost_keys:
            return Readiness(
                ready=True, detail=f"the keys of {self._lost_keys} persons were lost: erase them"
            )
        return Readiness(ready=True, detail="every key is there")

    def _log_check(self) -> Readiness:
        return self._kept(self.keeper, self.recorder.head())

    def _access_log_check(self) -> Readiness:
        return self._kept(self.access_keeper, self._accesses.head())

    def _witnesses_check(self) -> Readiness:
        """Never unready: the ledger records and signs with or without them; the lag tells."""
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
        """How far a log is behind the ledger that it is of."""
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
