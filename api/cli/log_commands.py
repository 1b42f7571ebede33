"""Commands about transparency logs: this ledger's key, and witnessing the logs of others."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cyclopts import App

from api.cli.terminal import DEFAULT_URL, OPERATOR, Json, Port, Url, say, show
from api.log.witness import cosigner_key, make_witness_app
from api.running.logs import configure_logging
from api.running.server import require_free
from api.running.server import serve as serve_app
from ledger.opening import (
    UnusableUrl,
    key_file,
    ledger_path,
    open_ledger,
    open_log,
    open_recorder,
    open_shown_log,
    resume_log,
)
from ledger.stores.sqlite import SQLiteRecorder
from ledger.stores.takeover import refuse_earlier
from ledger.transparency.keys import KeyFileError, make_key, next_key, read_key
from ledger.transparency.log import TransparencyLog
from ledger.transparency.notes import COSIGNATURE, Signer
from ledger.transparency.policy import parse_policy
from ledger.transparency.rotation import rotate_key as change
from ledger.transparency.witness import Witness, prepare_store

log = App(name="log", help="Keep the key of the transparency log.")
witness = App(name="witness", help="Witness the logs of other regions' ledgers.")


@log.command(name="key")
def log_key(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Print the public key that verifies the log; with --json all it ever had, with their sizes."""
    with (
        open_recorder(ledger, create=False, read_only=True) as recorder,
        _shown(recorder) as opened,
    ):
        keys = opened.keys()
    if json:
        show([{"vkey": key.vkey, "from_size": key.since} for key in keys], as_json=True)
    else:
        sys.stdout.write(keys[-1].vkey + "\n")


@contextmanager
def _shown(recorder: SQLiteRecorder) -> Iterator[TransparencyLog]:
    refuse_earlier(recorder)
    with open_shown_log(recorder) as opened:
        yield opened


@log.command
def rotate_key(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Have the log signed with a new key, announced under the old one. The service may be running.

    Witnesses have to know the new key too: send their operators what `log key` prints afterwards.
    Stopped half-way, it goes on when it is called again.
    """
    path = key_file(ledger_path(ledger))
    waiting = next_key(path).exists()
    with (
        open_recorder(ledger, create=False, tell=say) as recorder,
        open_ledger(recorder) as opened,
        open_log(recorder, create=False) as transparency,
    ):
        # A new key that had taken over already only needed its place, which opening gave it.
        if not waiting or next_key(path).exists():
            change(opened, transparency, path, OPERATOR)
        keys = transparency.keys()
    show({"vkey": keys[-1].vkey, "from_size": keys[-1].since, "before": keys[-2].vkey}, json)


@log.command
def resume(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Let a log go on that was restored, copied or moved to another disk; it signs again.

    You answer for two things that the program cannot see: no other copy of this log is served, and
    the log has published nothing newer than the checkpoint that is printed.
    """
    with open_recorder(ledger, create=False, tell=say) as recorder:
        newest = resume_log(recorder.path)
    said = {"size": 0} if newest is None else {"size": newest.size, "signed_at": newest.signed_at}
    show(said, json)


@witness.command(name="serve")
def witness_serve(
    *,
    logs: Path,
    key: Path = Path("witness.key"),
    store: Path = Path("witness.db"),
    name: str | None = None,
    host: str = "127.0.0.1",
    port: Port = 8081,
    quiet: bool = False,
) -> None:
    """Cosign the checkpoints of other logs over HTTP (c2sp.org/tlog-witness) until told to stop.

    Parameters
    ----------
    logs
        A policy file (c2sp.org/tlog-policy) with a line `log <vkey>` for each log to witness, two
        for one that changes its key, and `quorum none`.
    key
        The witness's private key, of its own and no log's; made when there is none.
    store
        What was cosigned last of each log. Without it, or with an old copy of it, the witness
        could be brought to contradict itself: lose it, and take a new name and key.
    name
        The witness's name, given when its key is made: where it is found, without a scheme.
    """
    known = [one.key for one in parse_policy(logs.read_bytes()).logs]
    if not known:
        raise UnusableUrl(f"{logs} names no log; write a line: log <vkey>")
    require_free(host, port)
    configure_logging(level=logging.WARNING if quiet else logging.INFO)
    signer = _witness_key(key, store, name)
    with closing(Witness(store, signer, known)) as opened:
        said = "" if quiet else f"witnessing on http://{host}:{port}/ as {cosigner_key(opened)}"
        serve_app(make_witness_app(opened), host, port, ready=lambda: say(said))


@witness.command(name="key")
def witness_key(key: Path = Path("witness.key")) -> None:
    """Print the public key that verifies a witness's cosignatures, as policies name it."""
    signer = read_key(key, COSIGNATURE)
    sys.stdout.write(signer.verifier(COSIGNATURE).vkey() + "\n")


def _witness_key(key: Path, store: Path, name: str | None) -> Signer:
    if key.exists():
        signer = read_key(key, COSIGNATURE)
        if name not in (None, signer.name):
            raise UnusableUrl(f"the key of this witness is named {signer.name!r}, not {name!r}")
        if not store.exists():
            raise KeyFileError(
                f"there is a key at {key}, and no {store} that remembers what it cosigned: put "
                "that file back. If it is lost, this witness has ended: it could contradict "
                "itself. Take another --key, --store and --name."
            )
        return signer
    if name is None:
        raise UnusableUrl(f"there is no key at {key} yet; give the witness its --name")
    # The store before the key: a crash never leaves a key without it.
    if prepare_store(store):
        raise KeyFileError(f"there is no key at {key}, and {store} holds what another one cosigned")
    return make_key(key, name, COSIGNATURE)
