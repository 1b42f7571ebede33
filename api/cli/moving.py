"""Commands for ledgers in a database: make their schemas, and copy a ledger either way."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from api.cli.terminal import DEFAULT_URL, Json, Url, bar, say, show, tell
from api.http.tokens import TOKENS_DECLARED
from api.webhooks.outbox import OUTBOX
from ledger.copies.moving import Part, copy_ledger
from ledger.opening import (
    UnusableUrl,
    is_postgres,
    make_recorder,
    open_recorder,
    require_postgres,
)
from ledger.stores.blobs import BLOBS
from ledger.stores.evidence_rows import EVIDENCE
from ledger.stores.tables import Declared
from ledger.stores.takeover import refuse_earlier
from ledger.transparency.store import SIGNED, TILES
from ledger.vault.shared import VAULT
from projections.opening import schema_of_views
from projections.tables import VIEWS


def stores() -> dict[str, Declared]:
    """Return the stores of a ledger in a database, by the ending of their schema's name."""
    return {
        "signed": SIGNED,
        "tiles": TILES,
        "access_signed": SIGNED,
        "access_tiles": TILES,
        "tokens": TOKENS_DECLARED,
        "webhooks": OUTBOX,
        "blobs": BLOBS,
        "evidence": EVIDENCE,
        "vault": VAULT,
        schema_of_views(): VIEWS,
    }


#: The tokens, which a copy includes; sessions end with the service that began them.
TOKENS = Part(
    "tokens",
    TOKENS_DECLARED,
    "tokens",
    (
        "digest",
        "unit",
        "person",
        "role",
        "entity",
        "expires_on",
        "created_at",
        "revoked_at",
        "requested_by",
        "approved_by",
    ),
    changing=("revoked_at",),
)

#: The outbox of webhooks. The cursors come first: with older ones messages are sent again, with
#: newer ones a range that is to be sent again could be lost.
WEBHOOKS = tuple(
    Part("webhooks", OUTBOX, table, columns, whole=True)
    for table, columns in (
        ("cursors", ("webhook", "position", "failures", "failing_since", "stopped_at", "learnt")),
        ("repeats", ("webhook", "event", "next", "last")),
        ("parked", ("webhook", "position", "type", "at", "attempts")),
        ("received", ("subject", "unit", "way", "first_at", "position")),
        (
            "attempts",
            (
                "webhook",
                "number",
                "position",
                "at",
                "outcome",
                "status",
                "milliseconds",
                "acknowledgement",
            ),
        ),
    )
)
WEBHOOK_SECRETS = Part(
    "webhooks",
    OUTBOX,
    "secrets",
    ("webhook", "number", "id", "secret", "made_at", "ends_at"),
    whole=True,
)

#: Everything that a copy includes alongside the ledger itself.
PARTS = (TOKENS, *WEBHOOKS, WEBHOOK_SECRETS)


def register(app: App) -> None:
    """Add the commands of this module."""
    app.command(copy)
    app.command(migrate)


def copy(
    source: str,
    target: str,
    /,
    *,
    without_secrets: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Copy a ledger with everything that belongs to it to another store, either way.

    The copy is proved by the Merkle root of its events. If it is interrupted, run it again: it
    continues. Stop the service of the source for the last run, then run `log resume` for the
    target: two services of one log would sign two histories.

    Parameters
    ----------
    source, target
        A file or a database: sqlite:///ledger.db, postgresql://host/name. The target must be empty
        or hold the beginning of the same ledger.
    without_secrets
        Leave out the key of the log, the keys of sealed data and the secrets of webhooks.
    """
    if source == target:
        raise UnusableUrl("the source and the target must be two ledgers")
    with (
        open_recorder(source, create=False) as reading,
        make_recorder(target, reading) as writing,
        bar("events", None, silent=json) as advance,
    ):
        refuse_earlier(reading)
        moved = copy_ledger(
            reading,
            writing,
            parts=(TOKENS, *WEBHOOKS) if without_secrets else PARTS,
            secrets=not without_secrets,
            vault=not without_secrets,
            progress=lambda what, done, total: advance(done, label=what, total=total),
        )
    show(msgspec.to_builtins(moved), json)
    if not json:
        tell("The roots of both are the same. Before the target is served, run once:")
        tell(f"supervision-ledger log resume --ledger {_quoted(target)}")


def _quoted(url: str) -> str:
    """Return a URL to be shown: that of a database may hold a password."""
    return "$LEDGER_URL" if is_postgres(url) else url


def migrate(
    *,
    role: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    ledger: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make the schemas of a ledger in a database, add partitions, and grant the service its rights.

    Run it under the role that owns the ledger, before the first service starts, after each upgrade
    and once a year. The service's own role owns nothing: it may append and read events, never
    change or remove them.

    Parameters
    ----------
    role
        The role of the service; repeat it for several.
    """
    require_postgres(ledger)
    from ledger.stores.migrations import prepare  # noqa: PLC0415 - needs an optional package

    done = prepare(ledger, stores(), role, owned=(schema_of_views(),))
    show(done, json)
    if not role:
        say("No role was named: only the owner can use the ledger. Name the service's with --role.")
