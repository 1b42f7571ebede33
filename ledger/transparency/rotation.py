"""Changing the key of a log, so that whoever knows the old one is led to the new one.

In this order, and a crash leaves after each step:

1. The new key is made in a file beside the old one's. *Left:* a file that nothing depends on yet;
   the next try takes the key in it.
2. The change is recorded in the ledger. *Left:* an announcement; the old key goes on signing, and
   the next try finds it announced.
3. A checkpoint that covers the announcement is signed with the old key. *Left:* the same.
4. In one transaction the new key takes over, and signs that checkpoint too. From here on a process
   with the old key signs nothing any more. *Left:* the new key's file has not its name yet; whoever
   opens the log, or wants to sign in it, gives it that name.
5. The new key's file is renamed over the old one's, whose private key is gone with that.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ledger.kernel import Actor, Ledger, codec
from ledger.kernel.memory import as_query
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.commands import RecordKeyRotation
from ledger.transparency.folds import KeyRotations
from ledger.transparency.keys import following_key, settle_key
from ledger.transparency.log import TransparencyLog
from ledger.transparency.notes import Signer


class Rotated(msgspec.Struct, frozen=True):
    """What came of it: both public keys, where it is recorded, and from which size the new signs.

    The checkpoint of exactly that size is signed by both.
    """

    old: str
    new: str
    position: int
    since: int


def rotate_key(ledger: Ledger, log: TransparencyLog, path: Path, actor: Actor) -> Rotated:
    """Have a new key take over from the one at ``path``; go on where a crash stopped that.

    Raises ``Retired`` if somebody else rotates at the same time and was faster.
    """
    log.advance()  # fetches the key that signs now, and none is retired that never signed
    new = following_key(path, log.origin)
    position = announce(ledger, log, new, actor)
    since = take_over(log, new, position)
    old, log.signer = log.signer, settle_key(path, new.verifier().vkey())
    return Rotated(old.verifier().vkey(), new.verifier().vkey(), position, since)


def announce(ledger: Ledger, log: TransparencyLog, new: Signer, actor: Actor) -> int:
    """Step 2: the position at which the change is recorded, now or by an earlier try."""
    vkey = new.verifier().vkey()
    command = RecordKeyRotation(log=log.origin, old=log.signer.verifier().vkey(), new=vkey)
    # A repeat of the same change is answered with what was recorded first.
    outcome = ledger.execute(command, actor, key=f"rotate-key:{new.verifier().key_id:08x}")
    return outcome.events[0].position


def take_over(log: TransparencyLog, new: Signer, position: int) -> int:
    """Steps 3 and 4: the size from which the new key signs."""
    while True:
        signed = log.advance()
        assert signed is not None
        assert signed.size >= position
        old, vkey = log.signer.verifier().vkey(), new.verifier().vkey()
        key = log.signed.hand_over(old, vkey, signed.size, new.sign(signed.text))
        if key is not None:
            return key.since
        # A service has signed a newer one meanwhile.


def announced(recorder: SQLiteRecorder, origin: str) -> dict[str, int]:
    """At which position each further key of a log was announced, by the public key."""
    question = KeyRotations(origin)
    found = recorder.read(as_query([question.selector()]))
    question.over([codec.decode(one.position, one.event.data) for one in found])
    return question.recorded
