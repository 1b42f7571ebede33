"""What happens to the log itself and has to stand in it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from ledger.general.vocabulary import Text
from ledger.kernel import Event, subject

#: A log, by the name that stands first in its checkpoints.
LogId = Annotated[
    str,
    subject(
        "log",
        pattern=r"^[^\s+]{1,120}$",
        description="origin of a transparency log: where it is found, without a scheme",
        examples=["ledger.example.gov.cn/v1/log"],
    ),
]


class KeyRotated(Event):
    """日志密钥更换: the log is going to be signed with another key.

    Recorded before the change, under the old key: the checkpoint that covers this event is signed
    by ``old`` and then by ``new`` as well, and what is signed later by ``new`` alone. Both are
    public keys as C2SP signed-note writes them, ``<log>+<key id>+<key>``.
    """

    TOPIC: ClassVar[str] = "transparency.key-rotated"
    VISIBILITY = "public"

    log: LogId
    old: Text
    new: Text
