"""What every test may ask for: a recorder of each kind, and a PostgreSQL of its own.

| fixture             | lives for   | is                                                         |
|---------------------|-------------|------------------------------------------------------------|
| `recorder`          | one test    | an empty `DCBRecorder`, in turn on each store              |
| `postgres_recorder` | one test    | our recorder on an empty PostgreSQL database               |
| `postgres_database` | one test    | the URL of an empty PostgreSQL database                    |
| `postgres_url`      | the session | the URL of the server's own database                       |
| `postgres`          | the session | the server (one for each worker), started when first asked |
| `another_machine`   | one test    | goes on, once called, where no log is remembered           |

The tests of one file run on one worker, so what is made for a module or a class is made once.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import shutil
import sys
import tempfile
import threading
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from eventsourcing.dcb import popo
from eventsourcing.dcb.api import DCBEvent, DCBSequencedEvent
from hypothesis import settings

from api.running import logs
from ledger.kernel.questions import Watch
from tests.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eventsourcing.dcb.api import DCBRecorder

# No deadlines: a slow machine is not a failing example. `ci` tries the same examples every time;
# `dev` tries others every time and says with which seed; `thorough` tries many.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True, database=None)
settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=2000)

PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")


#: Where Linux keeps files in memory, and how much of it has to be free for those of a run.
MEMORY, ROOM = Path("/dev/shm"), 4 << 30


def _write_to_memory() -> None:
    """Put temporary files where a flush to the disk takes no time, unless ``TMPDIR`` says where.

    A served ledger flushes some ten files, for each command several times, and a test waits for
    every flush. No test cuts the power: what a process has written before it is killed stays.
    """
    with suppress(OSError):
        if (
            "TMPDIR" not in os.environ
            and os.access(MEMORY, os.W_OK)
            and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC  # some tests build programs
            and shutil.disk_usage(MEMORY).free >= ROOM
        ):
            os.environ["TMPDIR"] = str(MEMORY)
            tempfile.tempdir = None  # it was asked for before


def _log_plainly() -> None:
    """Log without columns and colours, which took a tenth of the time of a request."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ]
    )


def _copied(event: Any) -> Any:
    """A copy of an event as the library's recorder in memory keeps and hands out.

    Copied field by field, because ``deepcopy`` took a quarter of the time of tests of commands.
    """
    if isinstance(event, DCBSequencedEvent):
        return DCBSequencedEvent(_copied(event.event), event.position)
    return DCBEvent(event.type, event.data, list(event.tags))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    Watch.ON = True
    popo.deepcopy = _copied  # type: ignore[attr-defined]
    _log_plainly()
    _write_to_memory()
    settings.load_profile(config.getoption("--hypothesis-profile") or PROFILE)
    repeats = settings.get_current_profile_name() == "ci"
    if not repeats and config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))


#: The files that take longest, longest first: begun last, one of them would keep one worker busy
#: while the others have nothing left to do.
LONGEST = (
    "tests/api/test_secrecy.py",
    "tests/api/test_generated_clients.py",
    "tests/api/test_lists.py",
    "tests/api/test_made_up_requests.py",
    "tests/api/test_answers.py",
    "tests/sequences/",
    "tests/api/test_district.py",
    "tests/api/test_searching.py",
    "tests/api/test_routes_by_role.py",
    "tests/api/test_reach.py",
    "tests/api/test_stock_clients.py",
    "tests/client/",
    "tests/transparency/test_rotation.py",
    "tests/faults/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""

    def turn(item: pytest.Item) -> int:
        for index, path in enumerate(LONGEST):
            if item.nodeid.startswith(path):
                return index
        return len(LONGEST)

    items.sort(key=turn)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect the tests without looking for garbage, and never look for it among them.

    The modules and tests of a run are 300,000 objects or more, which all live until its end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_report_header(config: pytest.Config) -> str:
    seed = config.getoption("--hypothesis-seed")
    repeat = f", repeat with --hypothesis-seed={seed}" if seed else ", the same examples every time"
    return f"hypothesis: profile {settings.get_current_profile_name()}{repeat}"


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """A command line ends with its process; what it sets for its process would stay in this one."""
    mask, configured = os.umask(0), structlog.get_config()
    os.umask(mask)
    root = logging.getLogger()
    before, hooks = list(root.handlers), (sys.unraisablehook, threading.excepthook)
    yield
    if writer := logs.current_writer():
        writer.close()
    os.umask(mask)
    structlog.configure(**configured)
    sys.unraisablehook, threading.excepthook = hooks
    for handler in root.handlers[:]:
        if handler not in before and type(handler).__module__ == "api.running.logs":
            root.removeHandler(handler)


@pytest.fixture(autouse=True)
def _no_logger_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that a test serves in this process keeps its loggers; the next test has its own."""
    configure = structlog.configure
    monkeypatch.setattr(
        structlog,
        "configure",
        lambda **how: configure(**{**how, "cache_logger_on_first_use": False}),
    )


@pytest.fixture(scope="session", autouse=True)
def _no_real_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nor is anything remembered in one by what is made once for many tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where nothing is remembered yet, another one each time.

    ``mktemp`` looks at all its folders to number a new one, and every test asks for one.
    """
    folder = tmp_path_factory.mktemp("machines")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def another_machine(
    machines: Iterator[Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Every test begins on one: what its logs sign is remembered there, and in no real home."""

    def begin() -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(next(machines)))

    begin()
    return begin


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    return postgres.url()


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def postgres_recorder(postgres_database: str) -> Iterator[DCBRecorder]:
    from ledger.stores.postgres import PostgresRecorder

    with PostgresRecorder(postgres_database) as recorder:
        yield recorder


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def recorder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DCBRecorder]:
    """An empty recorder. A test that asks for it runs once on each store."""
    if request.param == "memory":
        from eventsourcing.dcb.popo import InMemoryDCBRecorder

        yield InMemoryDCBRecorder()
    elif request.param == "sqlite":
        from ledger.stores.sqlite import SQLiteRecorder

        with SQLiteRecorder(tmp_path / "ledger.db") as sqlite:
            yield sqlite
    else:
        yield request.getfixturevalue("postgres_recorder")
