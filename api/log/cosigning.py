"""Ask witnesses to cosign the log's checkpoints (c2sp.org/tlog-witness v1.0.0).

This runs in a separate thread with its own event loop, so slow witnesses delay neither the service
nor the signing. Each witness gets one request at a time, for the newest checkpoint; checkpoints
signed in the meantime are covered by the next request.
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
#: How long a failed witness is not asked, in seconds: at first, and at most.
PAUSE, LONGEST_PAUSE = 1.0, 60.0
#: How many past checkpoints are searched for cosignatures at start.
LOOK_BACK = 1_000
#: Requests for one checkpoint: one to learn the witness's size, one with the proof from that size,
#: and one more in case another service on this ledger was faster.
ATTEMPTS = 3
#: How often the thread's event loop beats, and after what silence it counts as stuck, in seconds.
BEAT_SECONDS, STEP_SECONDS = 1.0, 60.0


class NotObtained(Exception):
    """A witness did not cosign; ``outcome`` is the label for the metrics."""

    def __init__(self, outcome: str, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


class Attendance:
    """The state of one witness."""

    def __init__(self, witness: KnownWitness) -> None:
        self.witness = witness
        #: The size that it cosigned last, as far as this process knows.
        self.size = 0
        #: The size of the largest checkpoint that it has cosigned.
        self.cosigned = 0
        #: Why it did not cosign the last time it was asked.
        self.error: str | None = None
        self.outcomes: Counter[str] = Counter()
        self.woken = asyncio.Event()


class Cosigning:
    """Has the witnesses of a policy cosign the checkpoints that a keeper signs.

    Raises ``PolicyError`` if the policy is for other logs, or its quorum cannot be reached.
    """

    def __init__(self, keeper: Keeper, policy: Policy) -> None:
        origin = keeper.log.origin
        if policy.logs and not policy.keys_of(origin):
            raise PolicyError(f"the policy must name the log {origin}; it names only other logs")
        self.witnesses = [Attendance(known) for known in policy.witnesses if known.url is not None]
        if not policy.satisfied({attendance.witness.name for attendance in self.witnesses}):
            raise PolicyError(
                "the witnesses with an address must suffice for the policy's quorum; they do not"
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
        """Start asking the witnesses."""
        self.worker.start()

    def look(self) -> str | None:
        """Return why the log must not sign, if a witness shows another history of it; blocks.

        Call this before anything is signed: witnesses notice a copy of the log, or an old state.
        """
        newest = self._log.signed.newest()
        return None if newest is None else asyncio.run(self._look(newest))

    def close(self) -> None:
        """Stop; a request in progress is abandoned. Idempotent."""
        self._closed = True
        self.worker.ending()
        loop, stopping = self._loop, self._stopping
        if loop is not None and stopping is not None:
            with suppress(RuntimeError):  # the loop has already ended
                loop.call_soon_threadsafe(stopping.set)
        self.worker.join()

    def detail(self) -> str:
        """Return the state of the witnesses as a sentence."""
        failing = [f"{w.witness.name}: {w.error}" for w in self.witnesses if w.error is not None]
        summary = f"{len(self.witnesses) - len(failing)} of {len(self.witnesses)} witnesses cosign"
        return "; ".join([summary, *failing])

    def attended(self) -> list[tuple[KnownWitness, bool, Signed | None]]:
        """Return each witness, whether it answers, and what it cosigned last. Blocks."""
        signed = self._log.signed
        return [
            (w.witness, w.error is None, signed.covering(w.cosigned) if w.cosigned else None)
            for w in self.witnesses
        ]

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers for the metrics page."""
        asked = CounterMetricFamily(
            "log_witness_answers", "Answers of the witnesses", labels=("witness", "outcome")
        )
        size = GaugeMetricFamily(
            "log_witness_size", "The largest checkpoint it cosigned", labels=("witness",)
        )
        good = GaugeMetricFamily(
            "log_witness_up", "1 if it cosigned the last time", labels=("witness",)
        )
        for attendance in self.witnesses:
            for outcome, count in sorted(attendance.outcomes.items()):
                asked.add_metric((attendance.witness.name, outcome), count)
            size.add_metric((attendance.witness.name,), attendance.cosigned)
            good.add_metric((attendance.witness.name,), float(attendance.error is None))
        yield from (asked, size, good)
        yield GaugeMetricFamily(
            "log_witnessed_size",
            "The largest checkpoint that enough witnesses cosigned",
            0 if self.witnessed is None else self.witnessed.size,
        )

    # What is known

    def _recall(self) -> None:
        """Read from the signed checkpoints which witness has cosigned which."""
        for signed in self._log.signed.cosigned(LOOK_BACK):
            names = self._cosigners(signed)
            for attendance in self.witnesses:
                if attendance.witness.name in names and attendance.cosigned < signed.size:
                    attendance.cosigned = attendance.size = signed.size
            if self.witnessed is None and names and self._policy.satisfied(names):
                self.witnessed = signed

    def _cosigners(self, signed: Signed) -> set[str]:
        """Return the policy's names of the witnesses that have cosigned a checkpoint."""
        keys = {(w.key.name, w.key.key_id): w for w in self._policy.witnesses}
        try:
            matches = cosigned(parse_note(signed.note()), [w.key for w in self._policy.witnesses])
        except NoteError:  # it has no known cosignature
            return set()
        return {keys[match.name, match.key_id].name for match in matches}

    def _take(self, attendance: Attendance, signed: Signed, answer: bytes) -> None:
        """Add a witness's signature to the checkpoint that it was asked to sign."""
        signature = parse_cosignature(signed.text, answer, attendance.witness.key)
        self._log.signed.add_signature(signed.size, signature)
        attendance.cosigned = attendance.size = signed.size
        now = self._log.signed.covering(signed.size)
        older = self.witnessed is None or self.witnessed.size <= signed.size
        if now is not None and older and self._policy.satisfied(self._cosigners(now)):
            self.witnessed = now

    # The thread

    def _wake(self) -> None:
        """Wake the thread after a checkpoint was signed."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for attendance in self.witnesses:
            attendance.woken.set()

    def _run(self) -> None:
        asyncio.run(self._attend_all())

    async def _look(self, newest: Signed) -> str | None:
        async with _session() as session:
            answers = await asyncio.gather(
                *(self._seen(session, attendance, newest) for attendance in self.witnesses),
                return_exceptions=True,  # witnesses that do not answer now are asked again later
            )
        return next((reason for reason in answers if isinstance(reason, str)), None)

    async def _seen(
        self, session: aiohttp.ClientSession, attendance: Attendance, newest: Signed
    ) -> str | None:
        """Send a witness the newest checkpoint again; return what its answer proves against it."""
        status, media_type, answer = await self._post(session, attendance, newest, newest.size)
        if status == 409 and media_type == SIZE_TYPE:
            if parse_size(answer.decode("ascii").removesuffix("\n")) <= newest.size:
                return None
        elif status != 422:
            return None
        return await self._evidence(session, attendance)

    async def _evidence(self, session: aiohttp.ClientSession, attendance: Attendance) -> str | None:
        """Return why the log must not sign, if a witness proves that another log has its name.

        A claim without proof is not enough: an attacker at the witness's address could stop the
        signing.
        """
        address = f"{attendance.witness.url}/{origin_hash(self._log.origin)}/checkpoint"
        try:
            async with session.get(address, allow_redirects=False) as response:
                note = await _read(response)
                if response.status != 200:
                    return None
        except (aiohttp.ClientError, OSError, TimeoutError, NotObtained) as error:
            log.warning("witness_shows_nothing", witness=attendance.witness.name, why=_words(error))
            return None
        return await asyncio.to_thread(self._judge, attendance, note)

    def _judge(self, attendance: Attendance, note: bytes) -> str | None:
        """Return what is wrong with a checkpoint from a witness, if this log's key signed it."""
        held = self._log.keys()
        try:
            shown, _ = signed_checkpoint(parse_note(note), [parse_vkey(key.vkey) for key in held])
        except NoteError:
            return None
        # Read only now: more that another service on this ledger signed meanwhile does not
        # conflict.
        newest = self._log.signed.newest()
        assert newest is not None
        if shown.size > newest.size:
            return _ahead(attendance, shown.size, newest)
        proof = self._log.consistency(shown.size, newest.size)
        try:
            verify_consistency(shown.size, newest.size, proof, shown.root, newest.root)
        except ProofError:
            return _another_history(attendance, newest)
        return None

    async def _accused(
        self, session: aiohttp.ClientSession, attendance: Attendance, outcome: str, claim: str
    ) -> NotObtained:
        """Return the error for a witness's claim against this log; with proof, stop signing."""
        evidence = await self._evidence(session, attendance)
        if evidence is None:
            return NotObtained(outcome, f"{claim}, but it shows no evidence for this")
        self._keeper.fork(evidence)
        return NotObtained(outcome, evidence)

    async def _attend_all(self) -> None:
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._closed:
            return  # closed before the loop existed
        async with _session() as session:
            tasks: list[asyncio.Task[Any]] = [
                asyncio.create_task(self._attend(session, attendance))
                for attendance in self.witnesses
            ]
            stopped = asyncio.create_task(self._stopping.wait())
            tasks += [stopped, asyncio.create_task(self._beat())]
            # These tasks never end normally: if one ends, it has failed, and the thread fails too.
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

    async def _attend(self, session: aiohttp.ClientSession, attendance: Attendance) -> None:
        pause = 0.0
        while True:
            attendance.woken.clear()
            try:
                asked = await self._ask(session, attendance)
            except NotObtained as failure:
                pause = self._failed(attendance, failure.outcome, str(failure), pause)
            except TimeoutError:
                pause = self._failed(attendance, "timeout", f"no answer in {PATIENCE:g} s", pause)
            except (aiohttp.ClientError, OSError) as error:
                pause = self._failed(attendance, "unreachable", _words(error), pause)
            except (StoreError, ProofError) as error:
                pause = self._failed(attendance, "store", str(error), pause)
            except Exception as error:
                log.exception("witness_broke", witness=attendance.witness.name)
                pause = self._failed(attendance, "error", _words(error), pause)
            else:
                if asked and attendance.error is not None:
                    log.info(
                        "witness_back", witness=attendance.witness.name, size=attendance.cosigned
                    )
                    attendance.error = None
                pause = 0.0
                if not asked:
                    await attendance.woken.wait()
            if pause:
                await asyncio.sleep(pause)

    def _failed(self, attendance: Attendance, outcome: str, why: str, pause: float) -> float:
        """Record a failure; return how long not to ask the witness, in seconds."""
        attendance.error = why
        attendance.outcomes[outcome] += 1
        log.warning("witness_failed", witness=attendance.witness.name, outcome=outcome, why=why)
        return min(max(PAUSE, pause * 2), LONGEST_PAUSE)

    async def _ask(self, session: aiohttp.ClientSession, attendance: Attendance) -> bool:
        """Have a witness cosign the newest checkpoint; return ``False`` if it already has.

        Raises ``NotObtained`` if the witness does not cosign. The witness may have a larger size
        than the newest checkpoint, or may find that this checkpoint does not continue the last. If
        it proves this, another history of the log exists, and nothing more is signed. If it does
        not, the witness itself is considered faulty.
        """
        for _ in range(ATTEMPTS):
            signed = await asyncio.to_thread(self._log.signed.newest)
            if signed is None or signed.size <= attendance.cosigned:
                return False
            if attendance.size > signed.size:
                claim = f"it claims {attendance.size:,} cosigned events; {signed.size:,} are signed"
                attendance.size = 0
                raise await self._accused(session, attendance, "ahead", claim)
            old = attendance.size
            status, media_type, answer = await self._post(session, attendance, signed, old)
            if status == 200:
                try:
                    await asyncio.to_thread(self._take, attendance, signed, answer)
                except NoteError as error:
                    raise NotObtained("unusable", str(error)) from error
                attendance.outcomes["cosigned"] += 1
                return True
            attendance.size = 0
            if status != 409:
                claim = f"{status} {answer[:200].decode(errors='replace')}".strip()
                if status == 422:
                    raise await self._accused(session, attendance, "422", claim)
                raise NotObtained(str(status), claim)
            if media_type != SIZE_TYPE:
                raise NotObtained("unusable", f"409 must be {SIZE_TYPE}; it is {media_type}")
            attendance.outcomes["409"] += 1
            try:
                attendance.size = parse_size(answer.decode("ascii").removesuffix("\n"))
            except ValueError as error:
                raise NotObtained("unusable", f"409 must contain a size: {error}") from error
            if attendance.size == old:
                raise NotObtained("unusable", f"409 must have another size than {old}")
        raise NotObtained("409", "its size changes faster than it can be asked")

    async def _post(
        self, session: aiohttp.ClientSession, attendance: Attendance, signed: Signed, old: int
    ) -> tuple[int, str, bytes]:
        proof = await asyncio.to_thread(self._log.consistency, old, signed.size)
        async with session.post(
            f"{attendance.witness.url}/add-checkpoint",
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
            raise NotObtained("unusable", f"the answer must have at most {MAX_ANSWER:,} bytes")
    return answer


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=PATIENCE),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # so that a small answer cannot expand
    )


def _ahead(attendance: Attendance, size: int, signed: Signed) -> str:
    return (
        f"the witness {attendance.witness.name} shows {size:,} events signed by this log's key, "
        f"but only {signed.size:,} were signed here: this is an old copy, or another log uses its "
        "name. Nothing is signed until an operator has examined this (docs/backup.md)."
    )


def _another_history(attendance: Attendance, signed: Signed) -> str:
    return (
        f"the {signed.size:,} events signed here do not continue those of this log that the "
        f"witness {attendance.witness.name} has cosigned: another log uses its name. Nothing is "
        "signed until an operator has examined this (docs/backup.md)."
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
