"""Commands of the access ledger. Only the service sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ledger.access.events import (
    CommandRefused,
    CommandTried,
    RecordsConsulted,
    ReferenceUnknown,
    SenderPaused,
)
from ledger.kernel import Event, Inquiry, Report


class NoteRefusal(Report):
    """记录拒绝: record that a rule refused a command."""

    SENT: ClassVar[bool] = False

    refusal: CommandRefused

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield self.refusal


class NoteTrial(Report):
    """记录试办: record that a sender was told what a command would record."""

    SENT: ClassVar[bool] = False

    trial: CommandTried

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield self.trial


class NoteUnknown(Report):
    """记录查无此项: record that a sender named a subject that is unknown or hidden from them."""

    SENT: ClassVar[bool] = False

    unknown: ReferenceUnknown

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield self.unknown


class NotePause(Report):
    """记录暂停发送: record that a sender named unknown or hidden subjects too often."""

    SENT: ClassVar[bool] = False

    pause: SenderPaused

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield self.pause


class NoteConsultation(Report):
    """记录查阅: record that a supervisor consults records."""

    SENT: ClassVar[bool] = False

    consultation: RecordsConsulted

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield self.consultation
