"""Rules, and the exceptions by which a command is refused.

A ``Rule`` is declared once, with its id, next to the code that applies it. A *refusal* names the
rule that was broken and its law, and says what would make the command succeed.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any, Literal

import msgspec

from ledger.kernel.messages import Message, Told, catalogue, declare, message


class Rule(msgspec.Struct, frozen=True):
    """One rule of the rulebook.

    ``kind``: a command that breaks a ``refusal`` rule records nothing; a fact that breaks a
    ``finding`` rule is recorded together with a finding. ``message`` and ``hint`` may use the
    details as ``str.format`` fields. ``policy_key`` names the policy that sets the rule's number,
    if one does. A ``confidential`` finding is for the supervisors of the unit; the unit itself
    never learns of it.
    """

    id: str
    message: str
    law: str
    hint: str = ""
    policy_key: str | None = None
    kind: Literal["refusal", "finding"] = "refusal"
    finding_type: str | None = None
    confidential: bool = False

    def text(self, part: Literal["message", "hint"], language: str) -> str:
        """Return the message or the hint in a language, with its details as fields.

        The English text is that of the declaration, others are in the catalogue.
        """
        declared: str = getattr(self, part)
        if language == "en":
            return declared
        return catalogue(language, "rules").get(f"{self.id}.{part}", declared)

    @property
    def details(self) -> tuple[str, ...]:
        """The details that the message and the hint name, in their order."""
        named = Formatter().parse(self.message + self.hint)
        return tuple(dict.fromkeys(name for _, name, _, _ in named if name))

    def __post_init__(self) -> None:
        known = _RULES.setdefault(self.id, self)
        if known != self:
            raise TypeError(f"a rule must be declared only once; {self.id} is declared twice")
        declare("rules", f"{self.id}.message", self.message)
        declare("rules", f"{self.id}.hint", self.hint)


_RULES: dict[str, Rule] = {}


def finding_rule(
    id: str,
    type: str,
    message: str,
    law: str,
    policy_key: str | None = None,
    *,
    confidential: bool = False,
) -> Rule:
    """Declare a rule whose breach is recorded as a finding, together with the fact."""
    return Rule(
        id,
        message,
        law,
        policy_key=policy_key,
        kind="finding",
        finding_type=type,
        confidential=confidential,
    )


def rules() -> Mapping[str, Rule]:
    """Return every rule that the program declares, by id."""
    return dict(sorted(_RULES.items()))


def rule_of(rule_id: str) -> Rule | None:
    """Return the rule with this id, if the program declares it."""
    return _RULES.get(rule_id)


class NotRecorded(Told):
    """Base of the exceptions that say that a command recorded nothing."""


class Refusal(NotRecorded):
    """The command breaks a rule (rulebook 0.9).

    ``told``: because of a fact that the sender may not read; the refusal reveals that it exists.
    """

    def __init__(
        self,
        rule: Rule,
        policy_version: int | None = None,
        *,
        told: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(Message(f"{rule.id}.message", details, "rules"))
        self.hint = Message(f"{rule.id}.hint", details, "rules")
        self.rule = rule
        self.told = told
        self.policy_version = policy_version
        self.details = details

    def __str__(self) -> str:
        return f"{self.rule.id}: {self.message}"

    @property
    def named(self) -> dict[str, Any]:
        """The details that the rule's message names; others are for its hint or its sender only."""
        names = {name for _, name, _, _ in Formatter().parse(self.rule.message) if name}
        return {name: value for name, value in self.details.items() if name in names}

    @property
    def code(self) -> str:
        """The code of the reason that the refusal gives, or the id of the rule if it gives none."""
        reasons = (value for value in self.named.values() if isinstance(value, Message))
        return next((reason.code for reason in reasons), self.rule.id)


class Malformed(NotRecorded):
    """The command cannot be understood; ``pointer`` is the JSON pointer to the fault."""

    def __init__(self, told: Message | str, /, *, pointer: str = "", **details: Any) -> None:
        super().__init__(told, **details)
        self.pointer = pointer


class Forbidden(NotRecorded):
    """The actor lacks the authority for this command; ``pointer`` names the field at fault."""

    def __init__(self, told: Message | str, /, *, pointer: str = "", **details: Any) -> None:
        super().__init__(told, **details)
        self.pointer = pointer


class UnknownReference(NotRecorded):
    """The command names a subject that the ledger does not know.

    ``hint`` is a message that says what to do, or the code of one.
    """

    def __init__(self, kind: str, id: str, hint: Message | str | None = None) -> None:
        self.kind = kind
        self.id = id
        self.hint = message(hint) if isinstance(hint, str) else hint
        if self.hint is None:
            super().__init__("kernel.unknown", kind=kind, id=id)
        else:
            super().__init__("kernel.unknown-with-hint", kind=kind, id=id, hint=self.hint)


class OutOfStep(NotRecorded):
    """The subject is not in a state in which this command is possible.

    ``taken``: the id that the command gives to a new subject is already in use.
    """

    def __init__(self, told: Message | str, /, *, taken: bool = False, **details: Any) -> None:
        super().__init__(told, **details)
        self.taken = taken


class KeyReused(NotRecorded):
    """The idempotency key was used before, for a different request."""


class Unavailable(NotRecorded):
    """The ledger cannot take the command now; the sender may send it again.

    ``because``: what failed, in words for the log and the operator; the sender is not told.
    """

    def __init__(self, told: Message | str, /, *, because: str = "", **details: Any) -> None:
        super().__init__(told, **details)
        self.because = because

    def __str__(self) -> str:
        return f"{self.message}: {self.because}" if self.because else str(self.message)


class OutcomeUnknown(Told):
    """The sequencer failed while it recorded the command, so the result is not known.

    If the sender sends the same command id again, it gets the first result, or the command is
    recorded then.
    """
