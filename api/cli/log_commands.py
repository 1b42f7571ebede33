"""Commands for transparency logs: this ledger's key, and witnessing other ledgers' logs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from cyclopts import App

from api.cli.terminal import DEFAULT_URL, OPERATOR, Json, Port, Url, say, show
from api.log.witness import cosigner_key, make_witness_app
from api.running.logs import configure_logging
from api.running.server import require_free
from api.running.server import serve as serve_app
from ledger.opening import (
    UnusableUrl,
    base_of,
    key_file,
    open_ledger,
    open_log,
    open_recorder,
    open_shown_log,
    resume_log,
)
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.takeover import refuse_earlier
from ledger.transparency.keys import KeyFileError, make_key, next_key, read_key
from ledger.transparency.log import TransparencyLog
from ledger.transparency.notes import COSIGNATURE, Signer
from ledger.transparency.policy import parse_policy
from ledger.transparency.rotation import rotate_key as change
from ledger.transparency.witness import Witness, prepare_store

log = App(name="log", help="Manage the key of the transparency log.")
witness = App(name="witness", help="Witness the logs of other regions' ledgers.")


@log.command(name="key")
def log_key(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Print the public key of the log; with --json every key it has had, with the log's sizes."""
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
def _shown(recorder: LedgerRecorder) -> Iterator[TransparencyLog]:
    refuse_earlier(recorder)
    with open_shown_log(recorder) as opened:
        yield opened


@log.command
def rotate_key(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Replace the log's key; the old key announces the new one. The service may be running.

    Witnesses must know the new key too: afterwards send their operators the output of `log key`.
    If it was interrupted, run it again: it continues from there.
    """
    with open_recorder(ledger, create=False, tell=say) as recorder, ExitStack() as rest:
        path = key_file(base_of(recorder))
        waiting = next_key(path).exists()
        opened = rest.enter_context(open_ledger(recorder))
        transparency = rest.enter_context(open_log(recorder, create=False))
        # An interrupted rotation may need only the move of the new key, which opening has done.
        if not waiting or next_key(path).exists():
            change(opened, transparency, path, OPERATOR)
        keys = transparency.keys()
    show({"vkey": keys[-1].vkey, "from_size": keys[-1].since, "before": keys[-2].vkey}, json)


@log.command
def resume(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """Let a restored, copied or moved log sign again.

    By this you confirm two things that the program cannot see: no other copy of this log is served,
    and the log has published nothing newer than the checkpoint printed here.
    """
    with open_recorder(ledger, create=False, tell=say) as recorder:
        newest = resume_log(recorder)
    state = {"size": 0} if newest is None else {"size": newest.size, "signed_at": newest.signed_at}
    show(state, json)


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
    """Cosign the checkpoints of other logs over HTTP (c2sp.org/tlog-witness) until stopped.

    Parameters
    ----------
    logs
        A policy file (c2sp.org/tlog-policy) with `quorum none` and a line `log <vkey>` for each log
        to witness; two such lines for a log that changes its key.
    key
        The witness's private key, not used for any log; created if the file does not exist.
    store
        The last cosigned checkpoint of each log. Without it, or with an old copy, the witness could
        contradict itself. If it is lost, use a new name and key.
    name
        The witness's name: its address without a scheme. Give it when the key is created.
    """
    known = [followed.key for followed in parse_policy(logs.read_bytes()).logs]
    if not known:
        raise UnusableUrl(f"{logs} must name a log, in a line: log <vkey>")
    require_free(host, port)
    configure_logging(level=logging.WARNING if quiet else logging.INFO)
    signer = _witness_key(key, store, name)
    with closing(Witness(store, signer, known)) as opened:
        greeting = "" if quiet else f"witnessing on http://{host}:{port}/ as {cosigner_key(opened)}"
        serve_app(make_witness_app(opened), host, port, ready=lambda: say(greeting))


@witness.command(name="key")
def witness_key(key: Path = Path("witness.key")) -> None:
    """Print the public key of a witness's cosignatures, as policies name it."""
    signer = read_key(key, COSIGNATURE)
    sys.stdout.write(signer.verifier(COSIGNATURE).vkey() + "\n")


def _witness_key(key: Path, store: Path, name: str | None) -> Signer:
    if key.exists():
        signer = read_key(key, COSIGNATURE)
        if name not in (None, signer.name):
            raise UnusableUrl(f"--name must be the key's, {signer.name!r}; it is {name!r}")
        if not store.exists():
            raise KeyFileError(
                f"{key} exists, but {store}, which records what it cosigned, does not: restore "
                "that file. If it is lost, this witness must not continue, because it could "
                "contradict itself. Use another --key, --store and --name."
            )
        return signer
    if name is None:
        raise UnusableUrl(f"--name must be given to create the key; {key} does not exist yet")
    # Create the store before the key: a crash must never leave a key without its store.
    if prepare_store(store):
        raise KeyFileError(f"{key} does not exist, but {store} records what another key cosigned")
    return make_key(key, name, COSIGNATURE)
