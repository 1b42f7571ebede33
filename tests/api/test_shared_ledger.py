"""Two services on one PostgreSQL ledger: what one records, the other shows, and takes over."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from threading import Thread
from typing import Self

import psycopg
import pytest
from psycopg import sql

from api.cli.command_line import app, main
from api.cli.moving import stores
from api.http.sealing import sealed_person
from api.operations.health import _Numbers
from api.service import Service
from api.webhooks.outbox import OUTBOX, Attempt, Outbox, Parked, Secret
from api.webhooks.targets import Targets
from ledger.kernel import Actor, LegalRef, Outcome
from ledger.opening import base_of, open_ledger, open_recorder, open_vault, sibling, tables_of
from ledger.stores import leases
from ledger.stores.migrations import prepare
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity
from ledger.systems.persons.commands import RegisterPerson
from ledger.systems.sharing.commands import NoteWebhookSecret, RegisterWebhook, SubscribeFeed
from ledger.systems.sharing.events import Filters
from ledger.vault import shared as vaults
from ledger.vault.shared import SharedVault
from ledger.vault.store import VaultError
from projections.opening import schema_of_views
from tests.cast import HEAD
from tests.postgres import PostgresServer
from tests.serving import EDB, Served

SECONDS = 30

#: By the rights of the role, or by a trigger.
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database for the service's own role, which owns nothing."""
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as owner:
        role = url.rsplit("_", 1)[1][:8]
        role = f"svc_{role}"
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'p'").format(sql.Identifier(role)))
        prepare(url, stores(), [role], owned=[schema_of_views()])
        host = url.rsplit("@", 1)[1]
        yield f"postgresql://{role}:p@{host}"
        for statement in ("DROP OWNED BY {} CASCADE", "DROP ROLE {}"):
            owner.execute(sql.SQL(statement).format(sql.Identifier(role)))


@pytest.fixture(scope="module")
def nodes(
    server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEDGER_KEYS", str(tmp_path_factory.mktemp("keys")))
        patch.setattr(leases, "HOLDS", 1.0)
        patch.setattr(leases, "RENEWED", 0.2)
        with Service(server, ticking=True) as first, Service(server, ticking=True) as second:
            yield first, second


def test_the_page_names_what_there_is(nodes: tuple[Service, Service]) -> None:
    """Schemas and metrics of docs/operations.md exist, and its command lines are understood."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    table = page.partition("| schema |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(ledger[a-z_]*)", table))
    made = {"ledger", "ledger_access", *(f"ledger_{name}" for name in stores())}
    assert named == {re.sub(r"views_[0-9a-f]{8}$", "views_", name) for name in made}
    metrics = re.findall(r"^\| `([a-z_]+)` \|", page.partition("| metric |")[2], re.MULTILINE)
    known = {family.name for family in _Numbers(nodes[0].app()).collect()}
    assert metrics
    written = {"log_lines_dropped"}  # by the log's writer, which tests lack
    assert {metric.removesuffix("_total") for metric in metrics} <= known | written
    lines = re.findall(r"supervision-ledger ((?:serve|migrate|copy|log) [^\n#]+)", page)
    assert len(lines) >= 4
    for line in lines:
        app.parse_args(shlex.split(line.strip().strip("`")), exit_on_error=False)


def eventually(met: Callable[[], bool], seconds: float = SECONDS) -> float:
    began = time.monotonic()
    while not met():
        assert time.monotonic() < began + seconds
        time.sleep(0.02)
    return time.monotonic() - began


def register(service: Service, number: int) -> Outcome:
    command = RegisterEntity(entity=f"register:{number}", identity=Identity(name="行"))
    return service.ledger.execute(command, EDB, key=f"register-{number}")


def test_what_one_node_records_the_other_shows(nodes: tuple[Service, Service]) -> None:
    """Views and log reach the position on both; a command sent again is answered by any node."""
    for one, other in (nodes, nodes[::-1]):
        recorded = register(one, one is nodes[0])
        for service in nodes:
            assert service.follower.wait_for(recorded.position, SECONDS)
            signed = service.keeper.wait_for(recorded.position, SECONDS)
            assert signed is not None
            assert signed.size >= recorded.position
            assert service.keeper.error is None
        again = register(other, one is nodes[0])
        assert again.repeated
        assert again.position == recorded.position


def test_what_stands_beside_the_ledger_is_shared(nodes: tuple[Service, Service]) -> None:
    """Tokens, sessions, blobs, evidence and keys of one node are there for the other."""
    one, other = nodes
    token = one.tokens.create("JB", "P", "jb_supervisor")
    assert other.tokens.lookup(token) is not None
    cookie = one.sessions.begin(token)
    assert cookie is not None
    assert other.sessions.read(cookie) is not None
    assert other.tokens.revoke(token)
    assert one.sessions.read(cookie) is None

    digest = one.blobs.put(b"roster")
    assert other.blobs.get(digest) == b"roster"
    assert digest in list(other.blobs.digests())

    key = one.vault.mint("command-1")
    assert other.vault.mint("command-1") == key
    assert other.vault.secret(key.person) == key.secret

    content = bytes(range(256)) * 3000  # several parts
    incoming = one.evidence.store.begin("case:C")
    incoming.write(content)
    assert incoming.keep("ab" * 32) == len(content)
    assert [w.size for w in other.evidence.store.waiting()] == [len(content)]
    opened = other.evidence.store.open("case:C", "ab" * 32)
    assert opened is not None
    with opened[0] as file:
        assert (file.read(), opened[1]) == (content, len(content))
        file.seek(300_000)
        assert file.read(5) == content[300_000:300_005]
    assert other.evidence.store.settle("case:C", "ab" * 32) == len(content)
    assert other.evidence.store.used() == (len(content), 0)
    one.evidence.store.erase("case:C")
    assert other.evidence.store.open("case:C", "ab" * 32) is None


def test_the_service_may_not_change_what_is_recorded(
    nodes: tuple[Service, Service], server: str
) -> None:
    """The role that serves is refused every change of events and of signed checkpoints."""
    register(nodes[0], 7)
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in (
            "UPDATE ledger.events SET data = ''",
            "DELETE FROM ledger.events",
            "TRUNCATE ledger.event_tags",
            "DELETE FROM ledger_access.events",
            "DELETE FROM ledger_signed.signed",
            "UPDATE ledger_signed.signed SET root = ''",
            "DELETE FROM ledger_blobs.blobs",
            "CREATE SCHEMA mine",
        ):
            with pytest.raises(
                (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)
            ):
                connection.execute(statement.encode())


def test_erasing_kills_every_copy_of_a_key(
    nodes: tuple[Service, Service], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an erasure, what an old copy of the database holds cannot be opened; others can be.

    A crash before the old key-encryption key is removed leaves it to the next call.
    """
    one, other = nodes
    erased, kept = (one.vault.mint(f"erase-{n}") for n in range(2))
    folder = base_of(one.recorder).with_name("vault")
    with psycopg.connect(server) as connection:
        old = connection.execute("SELECT person, wrapped FROM ledger_vault.keys").fetchall()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 1

    def crash(path: Path) -> None:
        raise OSError(f"{path.name} is not removed")

    with monkeypatch.context() as patch:
        patch.setattr(vaults, "_shred", crash)
        with pytest.raises(VaultError):
            one.vault.destroy([erased.person])
    assert len(list(folder.iterdir())) == 2
    assert other.vault.destroy([]) == 0  # completes it
    (current,) = folder.iterdir()
    assert current.name not in before
    for vault in (one.vault, other.vault):
        assert vault.secret(erased.person) is None
        assert vault.secret(kept.person) == kept.secret
    with pytest.raises(VaultError):  # the only key that is left opens nothing of the old copy
        vaults._opened(current.read_bytes(), *old[0])

    assert isinstance(other.vault, SharedVault)
    current.rename(folder / "elsewhere")
    other.vault.close()  # forgets the key in memory
    with pytest.raises(VaultError, match="is not in"):
        other.vault.secret(kept.person)
    (folder / "elsewhere").rename(current)
    assert other.vault.secret(kept.person) == kept.secret

    # An erasure by the other node between the reading of the row and of the key-encryption key.
    doomed = one.vault.mint("erase-2")
    other.vault.close()
    with monkeypatch.context() as patch:

        def late(vault: SharedVault, name: str) -> bytes:
            patch.undo()
            assert one.vault.destroy([doomed.person]) == 1
            return vault._wrapping(name)

        patch.setattr(SharedVault, "_wrapping", late)
        assert other.vault.secret(kept.person) == kept.secret
    assert one.vault.take_keys(other.vault.all_keys()) == 0, "they are all there"


def test_a_node_takes_over_from_one_that_is_gone(nodes: tuple[Service, Service]) -> None:
    """Only one node follows, signs and ticks. When it says no more, the other one does within a
    second or two, and the first one, which only was paused, can write nothing any more."""
    first, second = nodes
    eventually(lambda: first.follower.following != second.follower.following)
    holder, other = (first, second) if first.follower.following else (second, first)
    lock = holder.views.lock
    lease = lock._lease  # type: ignore[attr-defined]

    lease.try_once = lambda: True  # it is paused: it renews nothing, and knows of nothing
    taken = eventually(lambda: other.follower.following)
    assert taken < 10
    recorded = register(other, 8)
    assert other.follower.wait_for(recorded.position, SECONDS)
    # Its next write finds the lease gone, and the node stands by.
    register(holder, 9)
    eventually(lambda: not holder.follower.following)
    assert holder.follower.wait_for(recorded.position + 1, SECONDS)
    assert {health.state for health in holder.follower.health()} == {"standby"}

    signers = [service._leases[0] for service in nodes]
    assert [lease.held for lease in signers].count(True) == 1
    signing = next(lease for lease in signers if lease.held)
    signing.stop()
    eventually(lambda: [lease.held for lease in signers].count(True) == 1 and not signing.held)
    recorded = register(first, 10)
    for service in nodes:
        signed = service.keeper.wait_for(recorded.position, SECONDS)
        assert signed is not None
        assert signed.size >= recorded.position


class Node(Served):
    """A node of a ledger in a database, as a process that can be killed."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(folder, "--quiet", "--webhooks-may-reach", "127.0.0.0/8")
        self.url = url


class Receiver:
    """A partner's server that takes its time, and keeps the positions that it gets, in order."""

    def __init__(self) -> None:
        self.got: list[int] = []

    def __enter__(self) -> Self:
        got = self.got

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                got.append(json.loads(body)["position"])
                time.sleep(0.02)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_webhooks_are_sent_through_the_death_of_a_node(
    nodes: tuple[Service, Service], server: str, tmp_path: Path
) -> None:
    """A node that sends is killed: another one goes on where it was, in order, and loses nothing.

    The secret is given to a node that does not send.
    """
    one = nodes[0]
    for service in nodes:  # they must reach no address of this machine, so others send
        service._leases[-1].stop()
        assert not service._sends()
    bank = Actor(unit_id="BANK", person_id="SYSTEM-1", role="subscriber_system")
    with (
        Receiver() as receiver,
        Node(server, tmp_path) as node,
        Service(server, targets=Targets([ip_network("127.0.0.0/8")])) as survivor,
    ):
        one.ledger.execute(
            SubscribeFeed(
                subscription="SUB-1",
                unit="BANK",
                purpose="贷款审批",
                legal_basis=(LegalRef(instrument="征信业管理条例", article="第十三条"),),
                filters=Filters(types=("entities.entity-registered",)),
            ),
            bank,
        )
        address = f"http://127.0.0.1:{receiver.server.server_port}/hook"
        hook = RegisterWebhook(webhook="WH-1", subscription="SUB-1", address=address)
        begin = one.ledger.execute(hook, bank).position
        secret = one.webhooks.new_secret()
        note = NoteWebhookSecret(webhook="WH-1", secret=secret.id, overlap_hours=0)
        one.ledger.execute(note, bank)
        one.webhooks.admit("WH-1", secret, 0)
        assert not survivor._sends()
        expected = [register(one, number).position for number in range(1_000, 1_060)]
        eventually(lambda: len(receiver.got) >= 15)
        node.kill()
        assert len(receiver.got) < len(expected)
        eventually(lambda: expected[-1] in receiver.got)
        assert survivor._sends()
        assert list(dict.fromkeys(receiver.got)) == expected
        # At most the message under way came twice, before the next one.
        assert receiver.got == sorted(receiver.got)
        assert len(receiver.got) <= len(expected) + 1
        assert begin < expected[0]
        assert one.webhooks.outbox.cursor("WH-1", begin).position >= expected[-2]


def run(*words: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_copying_adds_no_table_to_the_source(tmp_path: Path) -> None:
    """A ledger without a log or webhooks has none after it was copied, and nor has the copy."""
    source, copied = tmp_path / "ledger.db", tmp_path / "copied.db"
    with open_recorder(f"sqlite:///{source}") as recorder, open_ledger(recorder):
        pass
    assert run("copy", f"sqlite:///{source}", f"sqlite:///{copied}", "--json") == 0
    for path in (source, copied):
        assert not [what for what in ("signed", "webhooks") if sibling(path, what).exists()]


def test_copied_to_a_file_and_back(
    nodes: tuple[Service, Service],
    server: str,
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every command of the command line works on a database, and copies have one root."""
    one = nodes[0]
    for service in nodes:  # what is signed during a copy would be newer than the copy
        assert service.keeper.wait_for(one.recorder.head(), SECONDS) is not None
    token = one.tokens.create("JB", "Q", "jb_supervisor")
    secret = one.vault.mint("copied")
    blob = one.blobs.put(b"copied")
    outbox = one.webhooks.outbox
    signing = Secret("abcd", "whsec_YWJj", "2026-01-01T00:00:00.000+00:00")
    outbox.add_secret("WH-2", signing, "2026-01-01T00:00:00.000+00:00")
    outbox.park("WH-2", Parked(7, "credit.x", "2026-01-01", 10), 7)
    file = f"sqlite:///{tmp_path / 'ledger.db'}"
    assert run("copy", server, file, "--json") == 0
    taken = Attempt(7, "2026-01-01", "delivered", 3, 204)
    outbox.delivered("WH-2", "BANK", taken, 8, ["record:CR-2"])  # it is parked no more
    assert run("copy", server, file, "--json") == 0
    with postgres.database() as back:
        assert run("copy", file, back, "--json") == 0
        assert run("copy", file, back, "--json") == 0  # again: nothing is left to do
        out = capsys.readouterr().out
        roots = [line for line in out.splitlines() if '"root"' in line]
        assert len(roots) == 4
        assert len(set(roots)) == 1
        # The log signs for one of them only.
        assert run("serve", "--ledger", back, "--port", "0") == 2
        assert "log resume" in capsys.readouterr().err
        for command in (
            ["log", "resume"],
            ["stats"],
            ["verify"],
            ["tick"],
            ["rebuild", "deadlines"],
            ["token", "list"],
            ["log", "key"],
            ["backup", str(tmp_path / "backup"), "--with-secrets"],
        ):
            assert run(*command, "--ledger", back) == 0, command
        with postgres.database() as restored:
            assert run("restore", str(tmp_path / "backup"), "--ledger", restored) == 0
            with open_recorder(restored, create=False) as recorder:
                assert recorder.identity() == one.recorder.identity()
                kept = Outbox(tables_of(recorder, "webhooks", OUTBOX))
                assert kept.secrets("WH-2", "2026-02-01") == [signing]
                assert kept.cursor("WH-2", 0).position == 8
                assert kept.parked("WH-2", 0, 10) == []
                assert kept.attempts("WH-2", 10) == [taken]
                assert [r.unit for r in kept.received(["record:CR-2"])] == ["BANK"]
        with Service(back) as service:
            sealed = sealed_person(service.vault, "person", name="张三")
            service.ledger.execute(RegisterPerson(sealed=sealed), HEAD)
            assert service.tokens.lookup(token) is not None
            assert service.vault.secret(secret.person) == secret.secret
            assert service.blobs.get(blob) == b"copied"
            assert service.follower.wait_for(register(service, 11).position, SECONDS)
        assert run("verify", "--ledger", back) == 0
        with open_recorder(back, create=False) as recorder, open_vault(recorder) as vault:
            vault.destroy([sealed.person])
        capsys.readouterr()
        assert run("verify", "--ledger", back) == 1  # no event says that the person was erased
        assert f"person {sealed.person}" in capsys.readouterr().out
    bare = f"sqlite:///{tmp_path / 'bare.db'}"
    assert run("copy", server, bare, "--without-secrets", "--json") == 0
    with open_recorder(bare, create=False) as recorder:
        kept = Outbox(tables_of(recorder, "webhooks", OUTBOX))
        assert kept.cursor("WH-2", 0).position == 8
        assert kept.secrets("WH-2", "2026-02-01") == []
        kept.close()
    with postgres.database() as another:
        with Service(another):
            pass
        assert run("copy", file, another) == 2
        assert "it holds another one" in capsys.readouterr().err
