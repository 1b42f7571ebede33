"""Asks witnesses to cosign the log's checkpoints (c2sp.org/tlog-witness v1.0.0).

In a thread of its own, with an event loop of its own: what a witness does or leaves undone holds up
neither the service nor the signing. Each witness has one request at a time, for the newest
checkpoint; what was signed while it answered it sees the beginning of next time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import structlog
from aiohttp import hdrs
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ledger.kernel.threads import Worker
from ledger.stores import StoreError
from ledger.transparency.checkpoints import cosigned, parse_size, signed_checkpoint
from ledger.transparency.keeper import Keeper
from ledger.transparency.merkle import ProofError, verify_consistency
from ledger.transparency.notes import NoteError, parse_note, parse_vkey
from ledger.transparency.policy import KnownWitness, Policy, PolicyError
from ledger.transparency.store import Signed
from ledger.transparency.submissions import (
    MAX_ANSWER,
    SIZE_TYPE,
    Submission,
    parse_cosignature,
)
from ledger.transparency.witness import origin_hash

log = structlog.get_logger("ledger.witnesses")

#: How long a witness may take for one answer, in seconds.
PATIENCE = 10.0
#: How long a witness that failed is left alone, in seconds: at first, and at most.
PAUSE, LONGEST_PAUSE = 1.0, 60.0
#: How many checkpoints back cosignatures are looked for at the start.
LOOK_BACK = 1_000
#: Requests for one checkpoint: one to learn from which size on, one to send the proof from there,
#: and one more if somebody else was faster in between.
ATTEMPTS = 3
#: How often the thread's loop shows that it turns, and after what silence it is stuck, in seconds.
BEAT_SECONDS, STEP_SECONDS = 1.0, 60.0


class NotObtained(Exception):
    """A witness did not cosign; ``outcome`` is the word for it in the metrics."""

    def __init__(self, outcome: str, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


class Attendance:
    """How one witness is doing."""

    def __init__(self, witness: KnownWitness) -> None:
        self.witness = witness
        #: The size that it has cosigned last, as far as is known here.
        self.size = 0
        #: The largest checkpoint under which its signature stands.
        self.cosigned = 0
        #: Why it did not cosign when it was last asked.
        self.error: str | None = None
        self.outcomes: Counter[str] = Counter()
        self.woken = asyncio.Event()


class Cosigning:
    """Has a policy's witnesses cosign what a keeper signs.

    Raises ``PolicyError`` for a policy of other logs, or one whose quorum nobody could reach.
    """

    def __init__(self, keeper: Keeper, policy: Policy) -> None:
        origin = keeper.log.origin
        if policy.logs and not policy.keys_of(origin):
            raise PolicyError(f"the policy is for other logs than {origin}")
        self.witnesses = [Attendance(one) for one in policy.witnesses if one.url is not None]
        if not policy.satisfied({one.witness.name for one in self.witnesses}):
            raise PolicyError(
                "the quorum cannot be reached by the witnesses that have an address to be asked at"
            )
        self._keeper, self._log = keeper, keeper.log
        self._policy = policy
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._closed = False
        self.worker = Worker("log-witnesses", self._run, limit=STEP_SECONDS)
        #: The newest checkpoint that enough witnesses have cosigned.
        self.witnessed: Signed | None = None
        self._recall()
        keeper.tell(self._wake)

    def start(self) -> None:
        """Begin asking."""
        self.worker.start()

    def look(self) -> str | None:
        """Whether a witness has seen more of this log than is here, or something else; blocks.

        To be asked before anything is signed: of a copy, or an old state, the witnesses know.
        """
        newest = self._log.signed.newest()
        return None if newest is None else asyncio.run(self._look(newest))

    def close(self) -> None:
        """Stop; a request under way is given up. Idempotent."""
        self._closed = True
        self.worker.ending()
        loop, stopping = self._loop, self._stopping
        if loop is not None and stopping is not None:
            with suppress(RuntimeError):  # it has ended already
                loop.call_soon_threadsafe(stopping.set)
        self.worker.join()

    def detail(self) -> str:
        """How the witnesses are doing, in words."""
        failing = [f"{w.witness.name}: {w.error}" for w in self.witnesses if w.error is not None]
        said = f"{len(self.witnesses) - len(failing)} of {len(self.witnesses)} witnesses cosign"
        return "; ".join([said, *failing])

    def collect(self) -> Iterator[Metric]:
        """Numbers for the metrics page."""
        asked = CounterMetricFamily(
            "log_witness_answers", "What witnesses answered", labels=("witness", "outcome")
        )
        size = GaugeMetricFamily(
            "log_witness_size", "The largest checkpoint it cosigned", labels=("witness",)
        )
        good = GaugeMetricFamily(
            "log_witness_up", "1 if it cosigned when last asked", labels=("witness",)
        )
        for one in self.witnesses:
            for outcome, count in sorted(one.outcomes.items()):
                asked.add_metric((one.witness.name, outcome), count)
            size.add_metric((one.witness.name,), one.cosigned)
            good.add_metric((one.witness.name,), float(one.error is None))
        yield from (asked, size, good)
        yield GaugeMetricFamily(
            "log_witnessed_size",
            "The largest checkpoint that enough witnesses cosigned",
            0 if self.witnessed is None else self.witnessed.size,
        )

    # What is known

    def _recall(self) -> None:
        """Find out from the signed checkpoints who has cosigned which."""
        for signed in self._log.signed.cosigned(LOOK_BACK):
            names = self._cosigners(signed)
            for one in self.witnesses:
                if one.witness.name in names and one.cosigned < signed.size:
                    one.cosigned = one.size = signed.size
            if self.witnessed is None and names and self._policy.satisfied(names):
                self.witnessed = signed

    def _cosigners(self, signed: Signed) -> set[str]:
        """The names, in the policy, of those who have cosigned a checkpoint."""
        keys = {(w.key.name, w.key.key_id): w for w in self._policy.witnesses}
        try:
            found = cosigned(parse_note(signed.note()), [w.key for w in self._policy.witnesses])
        except NoteError:  # by nobody known
            return set()
        return {keys[one.name, one.key_id].name for one in found}

    def _take(self, one: Attendance, signed: Signed, answer: bytes) -> None:
        """Put a witness's signature under the checkpoint that it was asked to sign."""
        signature = parse_cosignature(signed.text, answer, one.witness.key)
        self._log.signed.add_signature(signed.size, signature)
        one.cosigned = one.size = signed.size
        now = self._log.signed.covering(signed.size)
        older = self.witnessed is None or self.witnessed.size <= signed.size
        if now is not None and older and self._policy.satisfied(self._cosigners(now)):
            self.witnessed = now

    # The thread

    def _wake(self) -> None:
        """Something was signed."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended: nobody is to be woken
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for one in self.witnesses:
            one.woken.set()

    def _run(self) -> None:
        asyncio.run(self._attend_all())

    async def _look(self, newest: Signed) -> str | None:
        async with _session() as session:
            answers = await asyncio.gather(
                *(self._seen(session, one, newest) for one in self.witnesses),
                return_exceptions=True,  # who does not answer now is asked again later
            )
        return next((said for said in answers if isinstance(said, str)), None)

    async def _seen(
        self, session: aiohttp.ClientSession, one: Attendance, newest: Signed
    ) -> str | None:
        """What one witness shows against the newest checkpoint, which it is shown once more."""
        status, media_type, answer = await self._post(session, one, newest, newest.size)
        if status == 409 and media_type == SIZE_TYPE:
            if parse_size(answer.decode("ascii").removesuffix("\n")) <= newest.size:
                return None
        elif status != 422:
            return None
        return await self._evidence(session, one)

    async def _evidence(self, session: aiohttp.ClientSession, one: Attendance) -> str | None:
        """Why nothing more is to be signed, if a witness can show that another log has this name.

        Its word is not enough, or whoever answers at its address could stop the signing.
        """
        address = f"{one.witness.url}/{origin_hash(self._log.origin)}/checkpoint"
        try:
            async with session.get(address, allow_redirects=False) as response:
                note = await _read(response)
                if response.status != 200:
                    return None
        except (aiohttp.ClientError, OSError, TimeoutError, NotObtained) as error:
            log.warning("witness_shows_nothing", witness=one.witness.name, why=_words(error))
            return None
        return await asyncio.to_thread(self._judge, one, note)

    def _judge(self, one: Attendance, note: bytes) -> str | None:
        """What is wrong with the checkpoint that a witness shows, if this log's key signed it."""
        held = self._log.keys()
        try:
            shown, _ = signed_checkpoint(parse_note(note), [parse_vkey(key.vkey) for key in held])
        except NoteError:
            return None
        # Only now: what another service on this ledger has signed since is no other log's.
        newest = self._log.signed.newest()
        assert newest is not None
        if shown.size > newest.size:
            return _ahead(one, shown.size, newest)
        proof = self._log.consistency(shown.size, newest.size)
        try:
            verify_consistency(shown.size, newest.size, proof, shown.root, newest.root)
        except ProofError:
            return _another_history(one, newest)
        return None

    async def _accused(
        self, session: aiohttp.ClientSession, one: Attendance, outcome: str, claim: str
    ) -> NotObtained:
        """What a witness says against this log. With evidence nothing more is signed."""
        found = await self._evidence(session, one)
        if found is None:
            return NotObtained(outcome, f"{claim}, and it shows nothing by which that is so")
        self._keeper.fork(found)
        return NotObtained(outcome, found)

    async def _attend_all(self) -> None:
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._closed:
            return  # it was closed before there was a loop to tell
        async with _session() as session:
            tasks: list[asyncio.Task[Any]] = [
                asyncio.create_task(self._attend(session, one)) for one in self.witnesses
            ]
            stopped = asyncio.create_task(self._stopping.wait())
            tasks += [stopped, asyncio.create_task(self._beat())]
            # None of them ends by itself: one that does has failed, and the thread with it.
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended:
            task.result()

    async def _beat(self) -> None:
        while True:
            self.worker.step()
            await asyncio.sleep(BEAT_SECONDS)

    async def _attend(self, session: aiohttp.ClientSession, one: Attendance) -> None:
        pause = 0.0
        while True:
            one.woken.clear()
            try:
                asked = await self._ask(session, one)
            except NotObtained as failure:
                pause = self._failed(one, failure.outcome, str(failure), pause)
            except TimeoutError:
                pause = self._failed(one, "timeout", f"no answer in {PATIENCE:g} s", pause)
            except (aiohttp.ClientError, OSError) as error:
                pause = self._failed(one, "unreachable", _words(error), pause)
            except (StoreError, ProofError) as error:
                pause = self._failed(one, "store", str(error), pause)
            except Exception as error:
                log.exception("witness_broke", witness=one.witness.name)
                pause = self._failed(one, "error", _words(error), pause)
            else:
                if asked and one.error is not None:
                    log.info("witness_back", witness=one.witness.name, size=one.cosigned)
                    one.error = None
                pause = 0.0
                if not asked:
                    await one.woken.wait()
            if pause:
                await asyncio.sleep(pause)

    def _failed(self, one: Attendance, outcome: str, why: str, pause: float) -> float:
        """Make a failure known; how long to leave the witness alone."""
        one.error = why
        one.outcomes[outcome] += 1
        log.warning("witness_failed", witness=one.witness.name, outcome=outcome, why=why)
        return min(max(PAUSE, pause * 2), LONGEST_PAUSE)

    async def _ask(self, session: aiohttp.ClientSession, one: Attendance) -> bool:
        """Have a witness cosign the newest checkpoint; ``False`` if it has. Raises if it does not.

        Where the witness stands further than the newest checkpoint, or does not see that one follow
        on the last, and shows why, another history of this log was shown to it: nothing more is
        signed. If it shows nothing, it is the witness that is in trouble.
        """
        for _ in range(ATTEMPTS):
            signed = await asyncio.to_thread(self._log.signed.newest)
            if signed is None or signed.size <= one.cosigned:
                return False
            if one.size > signed.size:
                claim = f"it says that it has cosigned {one.size:,} events of {signed.size:,}"
                one.size = 0
                raise await self._accused(session, one, "ahead", claim)
            old = one.size
            status, media_type, answer = await self._post(session, one, signed, old)
            if status == 200:
                try:
                    await asyncio.to_thread(self._take, one, signed, answer)
                except NoteError as error:
                    raise NotObtained("unusable", str(error)) from error
                one.outcomes["cosigned"] += 1
                return True
            one.size = 0
            if status != 409:
                said = f"{status} {answer[:200].decode(errors='replace')}".strip()
                if status == 422:
                    raise await self._accused(session, one, "422", said)
                raise NotObtained(str(status), said)
            if media_type != SIZE_TYPE:
                raise NotObtained("unusable", f"409 with {media_type}, not {SIZE_TYPE}")
            one.outcomes["409"] += 1
            try:
                one.size = parse_size(answer.decode("ascii").removesuffix("\n"))
            except ValueError as error:
                raise NotObtained("unusable", f"409 with no size: {error}") from error
            if one.size == old:
                raise NotObtained("unusable", f"409 with the size that it was sent, {old}")
        raise NotObtained("409", "it moves on faster than it can be asked")

    async def _post(
        self, session: aiohttp.ClientSession, one: Attendance, signed: Signed, old: int
    ) -> tuple[int, str, bytes]:
        proof = await asyncio.to_thread(self._log.consistency, old, signed.size)
        async with session.post(
            f"{one.witness.url}/add-checkpoint",
            data=Submission(old, tuple(proof), signed.note()).encode(),
            headers={hdrs.CONTENT_TYPE: "text/plain; charset=utf-8"},
            allow_redirects=False,
        ) as response:
            return response.status, response.content_type, await _read(response)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    answer = b""
    async for chunk in response.content.iter_any():
        answer += chunk
        if len(answer) > MAX_ANSWER:
            raise NotObtained("unusable", f"an answer of more than {MAX_ANSWER:,} bytes")
    return answer


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=PATIENCE),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # a small answer stays small
    )


def _ahead(one: Attendance, size: int, signed: Signed) -> str:
    return (
        f"the witness {one.witness.name} shows {size:,} events under this log's signature, and "
        f"{signed.size:,} were signed here: this is an old copy, or another one goes by its name. "
        "Nothing is signed till somebody has looked (docs/backup.md)."
    )


def _another_history(one: Attendance, signed: Signed) -> str:
    return (
        f"to the witness {one.witness.name} the {signed.size:,} events signed here do not follow "
        "on those that it has cosigned of this log: another one goes by its name. Nothing is "
        "signed till somebody has looked (docs/backup.md)."
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
