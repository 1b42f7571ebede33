"""Commands that take the ledger elsewhere: backups, and bundles for others to check."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from api.cli.terminal import DEFAULT_URL, INCOMPLETE, Failed, Json, Url, bar, say, show, tell
from api.http.tokens import Grant
from api.http.visibility import may_know, may_see_record
from ledger.copies.backup import make_backup
from ledger.copies.bundles import Slice, verify_export
from ledger.copies.bundles import export as write_export
from ledger.copies.restore import Restored
from ledger.copies.restore import restore as put_back
from ledger.kernel import Recorded
from ledger.opening import ledger_path, open_recorder
from ledger.stores.takeover import refuse_earlier
from ledger.transparency.published import Published

#: Sees everything but what is sealed.
_UNSEALED = Grant("LEDGER", "operator", "rlo_assessor")


def register(app: App) -> None:
    """Add the commands of this module."""
    app.command(backup)
    app.command(restore)
    app.command(export)


def backup(
    directory: Path, *, with_secrets: bool = False, ledger: Url = DEFAULT_URL, json: Json = False
) -> None:
    """Copy the ledger and all that belongs to it to a new directory, also while it is served.

    The exit code is 1 if something that events name was not there to be copied.

    Parameters
    ----------
    directory
        The backup; it appears when all of it is written. It may not exist.
    with_secrets
        Copy the log's private key and the tokens' hashes too: keep such a backup as you keep them.
    """
    with (
        open_recorder(ledger, create=False, read_only=True) as recorder,
        bar("copying", None, silent=json) as advance,
    ):
        refuse_earlier(recorder)
        made = make_backup(
            recorder.path,
            directory,
            with_secrets=with_secrets,
            progress=lambda what, done, total: advance(done, what=what, total=total),
        )
    found = msgspec.to_builtins(made)
    found["files"] = {"count": len(made.files), "bytes": sum(file.size for file in made.files)}
    found["checkpoint_size"] = int(made.checkpoint.split("\n")[1]) if made.checkpoint else 0
    del found["checkpoint"]
    show(found, json)
    if made.lacking:
        say(_LACKING, "red")
        raise Failed


def restore(
    directory: Path,
    *,
    ledger: Url = DEFAULT_URL,
    checkpoint: str | None = None,
    vkey: str | None = None,
    accept_loss: bool = False,
    json: Json = False,
) -> None:
    """Put a backup into place as a ledger, where there is none, after checking everything in it.

    The exit code is 0 only if nothing is missing. Views are made again when it is served.

    Parameters
    ----------
    directory
        The backup.
    checkpoint
        The newest checkpoint of the log that can be found: a file, or an address as in
        https://ledger.example.gov.cn/v1/log/checkpoint. Without it, the backup's own.
    vkey
        The log's public key as you know it from elsewhere; without it the backup's is believed.
    accept_loss
        Go on although the checkpoint has events that the backup lacks. The log of that name ends.
    """
    with bar("restoring", None, silent=json) as advance:
        done = put_back(
            directory,
            ledger_path(ledger),
            published=Published(checkpoint) if checkpoint else None,
            vkey=vkey,
            accept_loss=accept_loss,
            progress=lambda what, done, total: advance(done, what=what, total=total),
        )
    show(msgspec.to_builtins(done), json)
    if not json:
        for line in _what_to_do(done, vkey):
            tell(line)
    if not done.well:
        raise Failed


_LACKING = "Content that events name was not there, or damaged: see `lacking`. Look for it in an "
_LACKING += "earlier backup; it fits if it lies under its own SHA-256."


_WHOSE = {
    "given": "the checkpoint given",
    "machine": "the newest checkpoint that this machine remembers",
    "backup": "the backup's own checkpoint",
}


def _what_to_do(done: Restored, vkey: str | None) -> list[str]:
    """What was compared, and what is still to be done, in words."""
    lines = []
    if done.compared_with == "none":
        lines.append("Nothing was ever signed, so only the manifest vouches for these events.")
    else:
        whose = _WHOSE[done.compared_with]
        begins = f"begins with all {done.checkpoint_size:,} events of"
        if done.lost:
            begins = f"lacks {done.lost:,} events of"
        lines.append(f"The restored ledger {begins} {whose}.")
    if done.copied:
        lines.append(
            "Before it is served: if the log published a newer checkpoint after this backup "
            f"({done.made_at:%Y-%m-%d %H:%M} UTC), restore again with --checkpoint and that one. "
            "Signing other events at positions that were published already is a fork."
        )
        lines.append(
            "Its log signs nothing until you say that nothing newer was published and that no "
            "other copy of it is served: supervision-ledger log resume"
        )
    if vkey is None and done.vkey:
        lines.append(f"The key was the backup's own; compare it: {done.vkey}")
    if done.ended:
        lines.append(
            f"The log {done.origin!r} has ended; its key signs no more. Publish the statement in "
            "the folder .ended, and serve once with --origin and another name. The access ledger's "
            "log begins anew with it."
        )
    elif done.origin and not done.key_there:
        lines.append("The private key is not in this backup: put it back before serving.")
    if not done.access_key_there:
        lines.append(
            "Nor is the access ledger's (.access.db.key): put it back as well. If it is lost, move "
            ".access.db.signed.db away: that log, which publishes nothing, begins anew."
        )
    if done.lacking:
        lines.append(_LACKING)
    return lines


def export(
    target: Path,
    *,
    entity: str | None = None,
    unit: str | None = None,
    from_: Annotated[date | None, Parameter(name="--from")] = None,
    to: date | None = None,
    with_sealed: bool = False,
    ledger: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Write the records of a business, a unit or a period, with proofs that strangers can check.

    Several options together: what fits all of them.

    Parameters
    ----------
    target
        A new directory, or a new file whose name ends in .zip.
    entity
        The business the events are about.
    unit
        The unit the events are about.
    from_
        The first civil date on which they occurred.
    to
        The last one.
    with_sealed
        Put in what is sealed (who complained, visits to come) and findings, whose records tell who
        is behind them. Such a bundle is for the Justice Bureau's supervisors alone.
    """

    def shows(record: Recorded) -> bool:
        envelope = record.envelope
        return with_sealed or (
            may_see_record(_UNSEALED, record)
            and may_know(_UNSEALED, envelope.type, envelope.actor.unit_id, record.event.tags())
        )

    with (
        open_recorder(ledger, create=False, read_only=True) as recorder,
        bar("records", None, silent=json) as advance,
    ):
        refuse_earlier(recorder)
        done = write_export(
            recorder,
            target,
            Slice(entity=entity, unit=unit, from_=from_, to=to),
            shows=shows,
            with_sealed=with_sealed,
            progress=lambda done, total: advance(done, total=total),
        )
    show(msgspec.to_builtins(done), json)


def check_bundle(path: Path, vkey: str | None, json: bool) -> None:
    """Check a bundle that ``export`` wrote, and say what was found."""
    found = verify_export(path, vkey)
    result: dict[str, Any] = msgspec.to_builtins(found)
    if json:
        show(result, as_json=True)
    else:
        about = found.about
        for fault in found.faults:
            say(fault, "red")
        for one in found.unchecked:
            say(f"? {one}", "yellow")
        if not found.faults:
            tell(
                f"{about.events:,} records are in the log {about.origin}, of {about.size:,} "
                "events. It does not show that there is no other record.\n"
                f"By the word of its maker alone: of {msgspec.to_builtins(about.slice)}, made at "
                f"{about.made_at:%Y-%m-%d %H:%M} UTC. For: {about.for_}",
            )
    if found.faults:
        raise Failed
    if found.unchecked:
        sys.exit(INCOMPLETE)
