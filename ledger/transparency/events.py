"""Events about the log itself, which must be in the log."""

from __future__ import annotations

from typing import Annotated, ClassVar

from ledger.general.vocabulary import Text
from ledger.kernel import Event, subject

#: A log, by its origin: the first line of its checkpoints.
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
    """日志密钥更换: the log will be signed with another key.

    This is recorded before the change. The checkpoint that covers this event is signed by ``old``
    and then also by ``new``; later checkpoints are signed only by ``new``. Both are public keys in
    the form of C2SP signed-note, ``<log>+<key id>+<key>``.
    """

    TOPIC: ClassVar[str] = "transparency.key-rotated"
    VISIBILITY = "public"

    log: LogId
    old: Text
    new: Text
