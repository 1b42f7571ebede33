"""Rules, and the exceptions by which a command is refused.

A ``Rule`` is declared once, with its id, next to the code that applies it. A *refusal* names the
rule that was broken and its law, and says what would make the command succeed.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any, Literal

import msgspec

from ledger.kernel.messages import catalogue


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


class NotRecorded(Exception):
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
        self.rule = rule
        self.told = told
        self.policy_version = policy_version
        self.details = details
        self.message = rule.message.format_map(_Shown(details))
        self.hint = rule.hint.format_map(_Shown(details))
        super().__init__(f"{rule.id}: {self.message}")


class Malformed(NotRecorded):
    """The command cannot be understood; ``pointer`` is the JSON pointer to the fault."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class Forbidden(NotRecorded):
    """The actor lacks the authority for this command; ``pointer`` names the field at fault."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class UnknownReference(NotRecorded):
    """The command names a subject that the ledger does not know."""

    def __init__(self, kind: str, id: str, hint: str = "") -> None:
        self.kind = kind
        self.id = id
        self.hint = hint
        super().__init__(f"no {kind} {id!r} is recorded. {hint}".strip())


class OutOfStep(NotRecorded):
    """The subject is not in a state in which this command is possible.

    ``taken``: the id that the command gives to a new subject is already in use.
    """

    def __init__(self, message: str, *, taken: bool = False) -> None:
        super().__init__(message)
        self.taken = taken


class KeyReused(NotRecorded):
    """The idempotency key was used before, for a different request."""


class Unavailable(NotRecorded):
    """The ledger cannot take the command now; the sender may send it again."""


class OutcomeUnknown(Exception):
    """The sequencer failed while it recorded the command, so the result is not known.

    If the sender sends the same command id again, it gets the first result, or the command is
    recorded then.
    """


class _Shown(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"
