"""The sequencer: commands come concurrently, are decided one after another, and commit together.

One batch, in this order (what a crash leaves is said at each step):

1. Drain what is waiting. A crash leaves nothing: nobody was answered.
2. Follow what other processes appended, then decide each command in turn; each sees what those
   before it in the batch decided. A refusal costs the others nothing.
3. Append everything in one transaction, on condition that nothing matching the folds that were
   read has been appended meanwhile; if it has, decide the whole batch again. A crash here leaves
   the batch whole or not at all.
4. Answer. A crash before an answer leaves events whose sender does not know of them; the same
   command id sent again is found in the ledger and answered with the first result.

A store that fails in step 3 may have committed before it failed: the ledger is asked which commands
it holds, and those are answered with what they recorded. If it cannot be asked, nobody is told that
nothing was recorded.

Where a step fails beyond repair, or takes longer than ``STEP_SECONDS``, the sequencer is dead and
says so (``Ledger.worker``): what waits is turned away, what was being recorded is answered with
``OutcomeUnknown``, and nothing is taken any more. No sender waits for ever.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import repeat
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBRecorder
from eventsourcing.persistence import IntegrityError, PersistenceError
from msgspec.structs import replace

from ledger.kernel import codec
from ledger.kernel.clock import Clock, system_clock
from ledger.kernel.commands import Command, Context, Reading
from ledger.kernel.contexts import make_context
from ledger.kernel.events import Actor, Event, Fact, Recorded
from ledger.kernel.folds import Fold, Selector
from ledger.kernel.memory import Audiences, Boundary, Memory, recorded_at
from ledger.kernel.records import Outcome, make_records, moved
from ledger.kernel.rules import KeyReused, Malformed, NotRecorded, OutcomeUnknown, Unavailable
from ledger.kernel.store import Answered, as_store
from ledger.kernel.subjects import subject
from ledger.kernel.threads import Worker

log = structlog.get_logger("ledger.sequencer")

#: Commands decided and committed together at most. A few hundred share one disk flush; more only
#: delays the first answer.
MAX_BATCH = 256

#: Commands that may wait before further ones are turned away with ``Unavailable``.
MAX_WAITING = 10_000

#: How often a batch is decided again when other processes keep appending what it read.
MAX_ATTEMPTS = 50

#: How long the sequencer may take for one batch. A store that is locked gives up much earlier.
STEP_SECONDS = 60.0

#: How long it may be held up and be as good as ever, in seconds.
HELD_UP_SECONDS = 5.0

#: How long no command comes before it tries whether the store would take one, in seconds.
TRY_SECONDS = 5.0

#: How long its failure waits for the lock of its queue, which is held for moments only.
LOCK_SECONDS = 1.0

CommandId = Annotated[str, subject("command", hideable=False)]

#: Called with the facts that a command decided; returns further events to record with them.
Hook = Callable[[Reading, list[Fact]], Iterable[Event]]


class CommandRecorded(Fold):
    """Where are the events of this command id, if it was recorded before?"""

    command_id: CommandId
    first: Recorded | None = None

    def selector(self) -> Selector:
        """All topics: whatever the command recorded carries its id."""
        return Selector((), (f"command:{self.command_id}",))

    def take(self, record: Recorded) -> None:
        if self.first is None:
            self.first = record


class Statistics(msgspec.Struct):
    """Counters of one sequencer, for the metrics page."""

    batches: int = 0
    commands: int = 0
    refused: int = 0
    events: int = 0
    retries: int = 0
    commit_seconds: float = 0.0
    largest_batch: int = 0


#: Takes what became of a command: its outcome, or what it raised.
Answer = Callable[[Outcome | BaseException], None]


class _Waiting(msgspec.Struct, frozen=True):
    command: Command
    context: Context
    answer: Answer


_FAILED = "the ledger has failed and takes nothing until it is started again; send it again later"
_UNKNOWN = "it is not known whether this was recorded; send it again with the same Idempotency-Key"


class Ledger:
    """The ledger of one store: takes commands, and is the only one in this process that appends.

    ``clock`` tells the time of recording. ``beside`` are asked for further events after each
    command's decision. ``audiences`` names who knows of an event: a command whose context has
    audiences is decided as if subjects that none of them knows did not exist; without it every
    sender knows everything. Safe for threads; ``close`` decides what is waiting and stops.
    """

    def __init__(
        self,
        recorder: DCBRecorder,
        *,
        clock: Clock = system_clock,
        hooks: Iterable[Hook] = (),
        audiences: Audiences | None = None,
    ) -> None:
        self.recorder = recorder
        self.clock = clock
        self.statistics = Statistics()
        self._hooks = tuple(hooks)
        self._store = as_store(recorder)
        self._memory = Memory(self._store, audiences)
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closed = False
        # A clock that is set back must not give later positions earlier recording times: nothing
        # is recorded as earlier than the record at ``_dated``, whoever appended it and whenever.
        self._answered: dict[str, Answered] = {}  # of the batch that is being decided
        self._now = datetime.min.replace(tzinfo=UTC)
        self._dated = 0
        self._closing = threading.Lock()
        #: Since when the batch that is decided now has been, and since when the store takes none.
        self._began: float | None = None
        self._refused_since: float | None = None
        #: Whether the store may hold what is being decided.
        self._appending = False
        #: What is being decided, until it is answered; guarded by ``_closing``.
        self._deciding: list[_Waiting] = []
        #: The sequencer's thread, for the supervisor of the process.
        self.worker = Worker("sequencer", self._run, limit=STEP_SECONDS)
        self.worker.on_failure.append(self._give_up)
        self.worker.start()

    def submit(self, command: Command, context: Context) -> Future[Outcome]:
        """Hand in a command; the future gives its ``Outcome`` or raises a ``NotRecorded``.

        The future may not be cancelled: once handed in, a command is decided.
        """
        future: Future[Outcome] = Future()
        future.set_running_or_notify_cancel()

        def answer(what: Outcome | BaseException) -> None:
            if isinstance(what, BaseException):
                future.set_exception(what)
            else:
                future.set_result(what)

        self.hand_in(command, context, answer)
        return future

    def hand_in(self, command: Command, context: Context, answer: Answer) -> None:
        """Hand in a command; ``answer`` is told once, after the commit, in the sequencer's thread.

        It has to be quick. Raises ``Unavailable`` if the command is not taken.
        """
        with self._closing:
            if self.worker.failure is not None:
                raise Unavailable(_FAILED)
            if self._closed:
                raise Unavailable("the ledger is shutting down; send the command again later")
            if self._queue.qsize() >= MAX_WAITING:
                raise Unavailable(f"{MAX_WAITING} commands are waiting; send it again in a second")
            self._queue.put(_Waiting(command, context, answer))

    def execute(
        self,
        command: Command,
        actor: Actor,
        *,
        key: str | None = None,
        causation_id: UUID | None = None,
        correlation_id: UUID | None = None,
    ) -> Outcome:
        """Hand in a command and wait for its outcome."""
        context = make_context(
            command,
            actor,
            self.clock(),
            key=key,
            causation_id=causation_id,
            correlation_id=correlation_id,
        )
        return self.submit(command, context).result()

    @property
    def waiting(self) -> int:
        """How many commands wait to be decided."""
        return self._queue.qsize()

    def held_up(self) -> float:
        """For how many seconds nothing could be recorded: 0 while all is well. May ask the store.

        A store that refused the last batch, or could not be written when it was tried, is asked
        whether it would take another: nobody may send one to find out.
        """
        refused, began = self._refused_since, self._began
        if refused is not None and began is None and self._store.writable():
            self._refused_since = refused = None
        since = min((t for t in (refused, began) if t is not None), default=None)
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """Decide what is waiting, answer it, and stop. Idempotent."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self.worker.join()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self) -> None:
        worker, stopping = self.worker, False
        while not stopping:
            worker.rest()
            batch: list[_Waiting] = []
            item = self._next()  # 1. drain
            worker.step()
            # From here on either the commit or `_give_up` answers the batch.
            self._deciding = batch
            while True:
                if item is None:
                    stopping = True
                    worker.ending()
                    break
                batch.append(item)
                if len(batch) >= MAX_BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)

    def _next(self) -> _Waiting | None:
        """The next that is handed in; while nothing is, the store is tried now and then.

        Else nobody would know that it is locked before the first command waits for it.
        """
        while True:
            try:
                return self._queue.get(timeout=TRY_SECONDS)
            except queue.Empty:
                self.worker.step()
                if not self._store.writable():
                    self._refused_since = self._refused_since or time.monotonic()
                self.worker.rest()

    def _commit(self, batch: list[_Waiting]) -> None:
        started = time.perf_counter()
        answers: list[Outcome | BaseException]
        self._began = began = time.monotonic()
        try:
            answers = self._decide_and_append(batch)
            self._refused_since = None
        except PersistenceError as error:
            if self._refused_since is None:
                self._refused_since = began
            log.error("append_failed", error=str(error), commands=len(batch))
            answers = self._after_failure(batch, Unavailable(f"the store did not take it: {error}"))
        except Exception as error:
            log.exception("batch_failed", commands=len(batch))
            answers = self._after_failure(batch, error)
        finally:
            self._began = None
            self._appending = False
        numbers = self.statistics
        numbers.batches += 1
        numbers.commands += len(batch)
        numbers.commit_seconds += time.perf_counter() - started
        numbers.largest_batch = max(numbers.largest_batch, len(batch))
        numbers.refused += sum(isinstance(answer, BaseException) for answer in answers)
        with self._closing:
            if self._deciding is not batch:
                return  # it took too long: `_give_up` has answered
            self._deciding = []
        self._answer(batch, answers)  # 4. answer

    def _after_failure(
        self, batch: list[_Waiting], error: Exception
    ) -> list[Outcome | BaseException]:
        """What to answer to a batch that failed: ``error``, but for what is recorded after all."""
        self._memory.forget()
        if not self._appending:
            return [error] * len(batch)
        try:
            self._memory.catch_up()
            return [self._recorded_of(item.context) or error for item in batch]
        except Exception as failure:  # noqa: BLE001 - the first one is in the log
            log.error("outcome_unknown", error=str(failure), commands=len(batch))
            self._memory.forget()
            return [OutcomeUnknown(_UNKNOWN)] * len(batch)

    def _recorded_of(self, context: Context) -> Outcome | BaseException | None:
        """The answer by what the ledger holds of a command; ``None`` if it holds nothing."""
        first = self._memory.fold(CommandRecorded(context.command_id)).first
        if first is None:
            return None
        if first.position <= self._dated:  # held before this batch was decided
            return self._repeat(first, context, [])
        return self._outcome_from(first, [])

    def _answer(
        self, batch: Iterable[_Waiting], answers: Iterable[Outcome | BaseException]
    ) -> None:
        """Answer all of a batch, also where one answer raises."""
        fatal: BaseException | None = None
        for item, answer in zip(batch, answers, strict=False):
            try:
                item.answer(answer)
            except Exception:  # noqa: BLE001 - told below
                # Whoever asked has gone; the others are answered all the same.
                try:
                    log.exception("answer_failed", command=type(item.command).__name__)
                except Exception as error:  # noqa: BLE001 - raised when all are answered
                    fatal = error
            except BaseException as error:  # noqa: BLE001 - so is this
                fatal = error
        if fatal is not None:
            raise fatal

    def _give_up(self, why: str) -> None:
        """Answer everything that waits, because the sequencer never will."""
        # Not for ever: the holder of the lock may be what has failed.
        locked = self._closing.acquire(timeout=LOCK_SECONDS)
        try:
            self._closed = True
            deciding, self._deciding = self._deciding, []
        finally:
            if locked:
                self._closing.release()
        self._answer(deciding, repeat(OutcomeUnknown(_UNKNOWN)))
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                self._answer([item], [Unavailable(_FAILED)])
        self._queue.put(None)  # a thread that was only slow ends when it comes back
        log.critical("sequencer_failed", why=why)

    def _decide_and_append(self, batch: list[_Waiting]) -> list[Outcome | BaseException]:
        for attempt in range(MAX_ATTEMPTS):
            self._memory.catch_up()  # 2. follow, then decide
            head = self._memory.head
            if head != self._dated:
                newest = recorded_at(self._store, head)
                self._now = self._now if newest is None else max(self._now, newest.astimezone(UTC))
                self._dated = head
            pending: list[DCBEvent] = []
            selectors: list[Selector] = []
            # Whether a command id is known is asked for the whole batch at once.
            self._memory.fold_all(
                CommandRecorded(item.context.command_id)
                for item in batch
                if item.context.request_digest is not None
            )
            keyed = [
                item.context.command_id for item in batch if item.context.request_digest is not None
            ]
            self._answered = {a.command: a for a in self._store.answers(keyed)} if keyed else {}
            known = set(self._answered)
            answers = [self._decide(item, pending, selectors) for item in batch]
            new = [answer for id_, answer in self._answered.items() if id_ not in known]
            if not pending and not new:
                return answers
            try:
                self._appending = True  # 3. append
                last = self._store.append(
                    pending,
                    DCBAppendCondition(Boundary(selectors), after=head or None),
                    answers=new,
                    commands=[id_ for id_ in keyed if id_ not in known],
                )
            except IntegrityError:
                self._appending = False
                self.statistics.retries += 1
                self._memory.forget()
                time.sleep(min(0.001 * attempt, 0.05))
                continue
            self.statistics.events += len(pending)
            if last != head + len(pending):
                # Others appended in between what nobody here had read: the positions that were
                # foreseen are off. Correct the answers and let the folds be read afresh.
                self._memory.forget()
                return moved(answers, last - head - len(pending), head)
            self._memory.committed(last)
            self._dated = last
            return answers
        raise Unavailable("other writers keep changing what this command reads; send it again")

    def _decide(
        self, item: _Waiting, pending: list[DCBEvent], selectors: list[Selector]
    ) -> Outcome | BaseException:
        try:
            known = CommandRecorded(item.context.command_id)
            # Without a digest the id was made for this command alone and cannot be a repeat.
            if item.context.request_digest is not None:
                known = self._memory.fold(known)
            if known.first is not None:
                return self._repeat(known.first, item.context, pending)
            answered = self._answered.get(item.context.command_id)
            if answered is not None:
                return _answer_again(answered, item.context)
            # The clock is read here, behind the queue, so that the positions and recording times
            # of this process have one order.
            now = self._now = max(self._now, self.clock().astimezone(UTC))
            reading = Reading(self._memory, item.command, item.context, now)
            reading.require_vouched(item.command)
            reading.require_kind(item.command)
            facts = [
                fact if isinstance(fact, Fact) else Fact(fact)
                for fact in item.command.decide(reading)
            ]
            for hook in self._hooks:
                # Pass a copy, so that a hook that iterates over the facts does not see the events
                # it adds itself.
                facts.extend([Fact(event) for event in hook(reading, list(facts))])
            reading.require_unchanged()
            reading.refuse_taken(fact.event for fact in facts)
            made = make_records(
                item.command, item.context, reading, facts, self._memory.head + len(pending)
            )
        except NotRecorded as error:
            return error
        except codec.RecordTooLarge as error:
            return Malformed(str(error))
        except PersistenceError:
            # Not this command failed but the store under all of them.
            raise
        except Exception as error:
            log.exception("decision_failed", command=type(item.command).__name__)
            return error
        for record, event in made:
            pending.append(event)
            self._memory.expect(record, event)
        if made:
            selectors.extend(reading.selectors)
            selectors.append(known.selector())
        position = made[-1][0].position if made else self._memory.head + len(pending)
        digest = item.context.request_digest
        if not made and digest is not None and item.context.remembered:
            # Unless another node records something under this id meanwhile.
            selectors.append(known.selector())
            id_ = item.context.command_id
            self._answered[id_] = Answered(id_, digest, position)
        return Outcome(position, tuple(record for record, _ in made))

    def _repeat(
        self, first: Recorded, context: Context, pending: list[DCBEvent]
    ) -> Outcome | BaseException:
        recorded, asked = first.envelope.request_digest, context.request_digest
        if recorded is not None and asked is not None and recorded != asked:
            return KeyReused(
                "this Idempotency-Key was used before with another request, recorded at position "
                f"{first.position}. Take a new key for a new request."
            )
        return replace(self._outcome_from(first, pending), repeated=True)

    def _outcome_from(self, first: Recorded, pending: list[DCBEvent]) -> Outcome:
        """What a command recorded, whose first record this is."""
        events: list[Recorded] = []
        position = first.position
        while True:
            record = self._at(position, pending)
            if record is None or record.envelope.command_id != first.envelope.command_id:
                return Outcome(position - 1, tuple(events))
            events.append(record)
            position += 1

    def _at(self, position: int, pending: list[DCBEvent]) -> Recorded | None:
        above = position - self._memory.head
        if above <= 0:
            return self._memory.record_at(position)
        return codec.decode(position, pending[above - 1].data) if above <= len(pending) else None


def _answer_again(first: Answered, context: Context) -> Outcome | BaseException:
    """The answer to a command whose id belongs to one that recorded nothing."""
    if first.digest != context.request_digest:
        return KeyReused(
            "this Idempotency-Key was used before with another request, which recorded nothing. "
            "Take a new key for a new request."
        )
    return Outcome(first.position, (), repeated=True)
