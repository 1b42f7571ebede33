"""Change the key of a log, in such a way that readers who know the old key can follow to the new.

``rotate_key`` works in five steps. The comment at each says what a crash after it leaves.

1. Make the new key in a file next to the old key's.
2. Announce the change in the ledger.
3. Sign a checkpoint that covers the announcement with the old key.
4. Let the new key take over and sign that checkpoint too, in one transaction. After this, a process
   that has the old key cannot sign.
5. Rename the new key's file over the old one's, which removes the old private key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ledger.kernel import Actor, Ledger, codec
from ledger.kernel.memory import as_query
from ledger.transparency.commands import RecordKeyRotation
from ledger.transparency.folds import KeyRotations
from ledger.transparency.keys import following_key, settle_key
from ledger.transparency.log import TransparencyLog
from ledger.transparency.notes import Signer


class Rotated(msgspec.Struct, frozen=True):
    """The result of a rotation: both public keys, the position of the announcement, and ``since``.

    ``since`` is the size from which the new key signs; both keys sign the checkpoint of that size.
    """

    old: str
    new: str
    position: int
    since: int


def rotate_key(ledger: Ledger, log: TransparencyLog, path: Path, actor: Actor) -> Rotated:
    """Let a new key take over from the one at ``path``; continue where a crash stopped it.

    Raises ``Retired`` if another process rotates at the same time and was faster.
    """
    log.advance()  # fetches the current key, and makes sure that it has signed before it retires
    # 1. Make. A crash leaves a key file on which nothing depends; the next call uses its key.
    new = following_key(path, log.origin)
    # 2. Announce. A crash leaves the announcement; the old key continues to sign, and the next call
    # finds the change announced.
    position = announce(ledger, log, new, actor)
    # 3. and 4. A crash after step 3 leaves the same as after step 2. After step 4 the new key's
    # file does not have its final name yet; the next process that opens or signs the log renames.
    since = take_over(log, new, position)
    # 5. Rename. A crash before it: see step 4.
    old, log.signer = log.signer, settle_key(path, new.verifier().vkey())
    return Rotated(old.verifier().vkey(), new.verifier().vkey(), position, since)


def announce(ledger: Ledger, log: TransparencyLog, new: Signer, actor: Actor) -> int:
    """Step 2: return the position of the announcement, recorded now or by an earlier call."""
    vkey = new.verifier().vkey()
    command = RecordKeyRotation(log=log.origin, old=log.signer.verifier().vkey(), new=vkey)
    # The idempotency key makes a repeat return the first announcement.
    outcome = ledger.execute(command, actor, key=f"rotate-key:{new.verifier().key_id:08x}")
    return outcome.events[0].position


def take_over(log: TransparencyLog, new: Signer, position: int) -> int:
    """Steps 3 and 4: let the new key take over; return the size from which it signs."""
    while True:
        signed = log.advance()
        assert signed is not None
        assert signed.size >= position
        old, vkey = log.signer.verifier().vkey(), new.verifier().vkey()
        key = log.signed.hand_over(old, vkey, signed.size, new.sign(signed.text))
        if key is not None:
            return key.since
        # A service has signed a newer checkpoint meanwhile, so try again with that one.


def announced(recorder: Any, origin: str) -> dict[str, int]:
    """Return the position at which each later key of a log was announced, by public key."""
    question = KeyRotations(origin)
    stored = recorder.read(as_query([question.selector()]))
    question.over([codec.decode(item.position, item.event.data) for item in stored])
    return question.recorded
