"""Opening a ledger by its URL: the store, the sequencer, the defaults that rules are judged by."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import ledger.registry  # noqa: F401 - declares every event type, so that every record is read
from ledger.kernel import Actor, Ledger
from ledger.kernel.clock import Clock, system_clock
from ledger.policies.commands import SeedLedger
from ledger.stores.sqlite import SQLiteRecorder
from ledger.supervision.beside import late_entry
from ledger.transparency.keys import make_key, read_key
from ledger.transparency.log import TransparencyLog
from ledger.transparency.store import SignedStore, TileStore

#: Who acts when the ledger itself does: seeds, and what happens because a day has passed.
LEDGER_CLOCK = Actor(unit_id="LEDGER", person_id="clock", role="ledger_clock")


class UnusableUrl(ValueError):
    """The URL names no ledger that this program can open."""


def ledger_path(url: str) -> Path:
    """The file of a ledger URL: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    Raises ``UnusableUrl`` for anything else.
    """
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        raise UnusableUrl("PostgreSQL is not offered yet; name a file, as in sqlite:///ledger.db")
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2:
        raise UnusableUrl(
            f"{url!r} is no ledger URL; write sqlite:///ledger.db for a file here, or "
            "sqlite:////srv/ledger.db for an absolute path"
        )
    return Path(parts.path[1:])


def beside(ledger_file: Path, what: str) -> Path:
    """The file of ``what`` that lies beside a ledger: ``ledger.db`` → ``ledger.<what>.db``."""
    return ledger_file.with_suffix(f".{what}.db")


def open_recorder(url: str, *, create: bool = True, read_only: bool = False) -> SQLiteRecorder:
    """The store of a ledger. ``create=False`` raises ``UnusableUrl`` if there is none yet."""
    path = ledger_path(url)
    if not create and not path.exists():
        raise UnusableUrl(f"there is no ledger at {path}; import a register or serve it first")
    if not path.absolute().parent.is_dir():
        raise UnusableUrl(f"there is no directory {path.absolute().parent} for the ledger")
    return SQLiteRecorder(path, read_only=read_only)


@contextmanager
def open_log(
    recorder: SQLiteRecorder, *, origin: str | None = None, clock: Clock = system_clock
) -> Iterator[TransparencyLog]:
    """The transparency log of a store, its files beside the ledger's.

    The first time it makes a key named ``origin``: the address at which the log is served, without
    scheme, as in ``ledger.example.gov.cn/v1/log``. Afterwards the name stays. Raises
    ``UnusableUrl`` if ``origin`` is another one then, and ``KeyFileError`` for a key that cannot be
    used.
    """
    path = recorder.path
    key = path.with_suffix(".key")
    if key.exists():
        signer = read_key(key)
        if origin not in (None, signer.name):
            raise UnusableUrl(
                f"the log of this ledger is named {signer.name!r} for ever, not {origin!r}"
            )
    else:
        signer = make_key(key, origin or f"localhost/ledger-{secrets.token_hex(4)}")
    with ExitStack() as opened:
        tiles = TileStore(beside(path, "tiles"))
        opened.callback(tiles.close)
        signed = SignedStore(beside(path, "signed"))
        opened.callback(signed.close)
        yield TransparencyLog(recorder, tiles, signed, signer, clock=clock)


def open_ledger(recorder: SQLiteRecorder, *, clock: Clock = system_clock) -> Ledger:
    """The ledger of a store, with the policy defaults and calendars that it lacked recorded."""
    ledger = Ledger(recorder, clock=clock, beside=(late_entry,))
    try:
        ledger.execute(SeedLedger(), LEDGER_CLOCK)
    except BaseException:
        ledger.close()
        raise
    return ledger
