"""Commands that copy a ledger: backups, restoring, and bundles that others can check."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from api.cli.moving import PARTS
from api.cli.terminal import DEFAULT_URL, INCOMPLETE, Failed, Json, Url, bar, say, show, tell
from api.http.tokens import Grant
from ledger.copies.backup import make_backup
from ledger.copies.bundles import Slice, verify_export
from ledger.copies.bundles import export as write_export
from ledger.copies.moving import filled_from_file, in_file
from ledger.copies.restore import Restored
from ledger.copies.restore import restore as put_back
from ledger.kernel import Recorded
from ledger.opening import open_recorder
from ledger.stores.takeover import refuse_earlier
from ledger.transparency.published import Published

#: A grant that sees everything except sealed data.
_UNSEALED = Grant("LEDGER", "operator", "rlo_assessor")


def register(app: App) -> None:
    """Add the commands of this module."""
    app.command(backup)
    app.command(restore)
    app.command(export)


def backup(
    directory: Path, *, with_secrets: bool = False, ledger: Url = DEFAULT_URL, json: Json = False
) -> None:
    """Copy the ledger and everything that belongs to it to a new directory, even while served.

    The exit code is 1 if content that events name is missing.

    Parameters
    ----------
    directory
        The new directory; it appears only when the backup is complete. It must not exist yet.
    with_secrets
        Also copy the log's private key, the tokens' hashes and the webhooks' secrets: protect such
        a backup like them.
    """
    with (
        open_recorder(ledger, create=False, read_only=True) as recorder,
        bar("copying", None, silent=json) as advance,
    ):
        refuse_earlier(recorder)
        with in_file(ledger, parts=PARTS if with_secrets else (), secrets=with_secrets) as file:
            made = make_backup(
                file,
                directory,
                with_secrets=with_secrets,
                progress=lambda label, done, total: advance(done, label=label, total=total),
            )
    result = msgspec.to_builtins(made)
    result["files"] = {"count": len(made.files), "bytes": sum(file.size for file in made.files)}
    result["checkpoint_size"] = int(made.checkpoint.split("\n")[1]) if made.checkpoint else 0
    del result["checkpoint"]
    show(result, json)
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
    """Restore a backup to a place without a ledger, after checking everything in it.

    The exit code is 0 only if nothing is missing. The service rebuilds the views when it starts.

    Parameters
    ----------
    directory
        The backup.
    checkpoint
        The newest checkpoint of the log that you can find: a file or an address, such as
        https://ledger.example.gov.cn/v1/log/checkpoint. By default the checkpoint in the backup.
    vkey
        The log's public key, if you know it from another source; by default the key in the backup.
    accept_loss
        Restore although the checkpoint covers events that the backup lacks. The log then ends.
    """
    with (
        bar("restoring", None, silent=json) as advance,
        filled_from_file(ledger, parts=PARTS) as file,
    ):
        done = put_back(
            directory,
            file,
            published=Published(checkpoint) if checkpoint else None,
            vkey=vkey,
            accept_loss=accept_loss,
            progress=lambda label, done, total: advance(done, label=label, total=total),
        )
    show(msgspec.to_builtins(done), json)
    if not json:
        for line in _what_to_do(done, vkey):
            tell(line)
    if not done.well:
        raise Failed


_LACKING = "Content that events name is missing or damaged: see `lacking`. Look for it in an "
_LACKING += "earlier backup; a file is right if its name is its own SHA-256."


_WHOSE = {
    "given": "the checkpoint that you gave",
    "machine": "the newest checkpoint that this machine remembers",
    "backup": "the backup's own checkpoint",
}


def _what_to_do(done: Restored, vkey: str | None) -> list[str]:
    """Return sentences about what was compared and what the operator must still do."""
    lines = []
    if done.compared_with == "none":
        lines.append("No checkpoint was ever signed: only the manifest vouches for these events.")
    else:
        whose = _WHOSE[done.compared_with]
        begins = f"contains all {done.checkpoint_size:,} events of"
        if done.lost:
            begins = f"lacks {done.lost:,} events of"
        lines.append(f"The restored ledger {begins} {whose}.")
    if done.copied:
        lines.append(
            "Before you serve it: if the log published a newer checkpoint after this backup "
            f"({done.made_at:%Y-%m-%d %H:%M} UTC), restore again with --checkpoint and that one. "
            "If other events were signed at positions already published, the log would be a fork."
        )
        lines.append(
            "Its log signs nothing until you confirm that nothing newer was published and that no "
            "other copy of it is served: supervision-ledger log resume"
        )
    if vkey is None and done.vkey:
        lines.append(f"The key comes from the backup; compare it with a published one: {done.vkey}")
    if done.ended:
        lines.append(
            f"The log {done.origin!r} has ended; its key signs no more. Publish the statement in "
            "the folder .ended, and serve once with --origin and a new name. The access ledger's "
            "log starts again with it."
        )
    elif done.origin and not done.key_there:
        lines.append("The private key is not in this backup: restore it before you serve.")
    if not done.access_key_there:
        lines.append(
            "The access ledger's key (.access.db.key) is not in it either: restore it as well. If "
            "it is lost, move .access.db.signed.db away: that log, which publishes nothing, "
            "starts again."
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
    """Write the records of a business, unit or period as a bundle with proofs for others to check.

    With several options, only records that match all of them are written.

    Parameters
    ----------
    target
        A new directory, or a new file whose name ends in .zip.
    entity
        The business that the events must be about.
    unit
        The unit that the events must be about.
    from_
        The first civil date on which the events occurred.
    to
        The last civil date.
    with_sealed
        Include sealed records (complainants, planned visits) and findings, whose records show who
        caused them. Give such a bundle only to supervisors of the Justice Bureau.
    """

    def shows(record: Recorded) -> bool:
        envelope = record.envelope
        return with_sealed or (
            _UNSEALED.sees_record(record)
            and _UNSEALED.knows_actor(envelope.type, envelope.actor.unit_id, record.event.tags())
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
    """Check a bundle that ``export`` wrote, and print the result."""
    verified = verify_export(path, vkey)
    result: dict[str, Any] = msgspec.to_builtins(verified)
    if json:
        show(result, as_json=True)
    else:
        about = verified.about
        for fault in verified.faults:
            say(fault, "red")
        for unchecked in verified.unchecked:
            say(f"? {unchecked}", "yellow")
        if not verified.faults:
            tell(
                f"{about.events:,} records are in the log {about.origin}, of {about.size:,} "
                "events. This does not show that there are no other records.\nOnly its maker "
                f"says, without proof: records of {msgspec.to_builtins(about.slice)}, made at "
                f"{about.made_at:%Y-%m-%d %H:%M} UTC. For: {about.for_}",
            )
    if verified.faults:
        raise Failed
    if verified.unchecked:
        sys.exit(INCOMPLETE)
