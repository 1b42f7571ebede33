"""``supervision-ledger token …``: tokens by whoever holds the ledger's files.

They can do anything with these files; what counts is that it stands in the access ledger who did
it, when, and for whom. The first two operators come from here. Every later token can be requested
by one operator and approved by another (docs/decisions/0010-operators.md).
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import msgspec
from cyclopts import App

from api.cli.terminal import DEFAULT_URL, OPERATOR, Json, Url, say, show, tell
from api.http.tokens import Holder, Tokens, digest_of, draw, holder_of
from api.operations.operators import revocation_of
from ledger.access.events import TokenGranted
from ledger.access.tokens import ID_DIGITS, NoteGrant, NoteRevocation
from ledger.general.vocabulary import ActorId, Role, same_person
from ledger.kernel import Ledger
from ledger.opening import (
    UnusableUrl,
    beside,
    claim,
    open_accesses,
    open_recorder,
    refuse_anothers,
)
from ledger.stores.takeover import refuse_earlier

app = App(name="token", help="Create, list and revoke access tokens.")


@app.command
def create(
    unit: str,
    person: str,
    role: Role,
    *,
    entity: str | None = None,
    expires_on: date | None = None,
    second: str | None = None,
    ledger: Url = DEFAULT_URL,
) -> None:
    """Create a token for a person of a unit in a role; it is shown this once.

    The access ledger notes who did it (the name of the account that runs this), when and for whom.

    Parameters
    ----------
    second
        Who stands by and answers for it too; an operator's token is not created without. They
        confirm it by a token of their own: they are asked for it, or it is read as one line from
        standard input.
    """
    try:
        holder = holder_of(unit, person, role, entity)
        other = None if second is None else _second(second, holder)
    except ValueError as error:
        raise UnusableUrl(str(error)) from error
    if role == "operator" and other is None:
        raise UnusableUrl(
            "an operator's token must be created by two persons: name the one who stands by, as in "
            "--second HEAD-001"
        )
    with _opened(ledger) as (tokens, access):
        if other is not None:
            _confirm(tokens, other)
        tell(grant(tokens, access, holder, expires_on=expires_on, second=other))


@app.command(name="draw")
def draw_() -> None:
    """Draw a token for yourself: it is shown this once, and good for nothing until it is granted.

    Give an operator the digest, and nobody the token.
    """
    token = draw()
    tell(token)
    say(f"digest for the operator: {digest_of(token)}")


@app.command(name="list")
def list_(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """List all tokens ever created, without the tokens themselves."""
    with _tokens(ledger) as tokens:
        show([msgspec.to_builtins(entry) for entry in tokens.list()], json)


@app.command
def revoke(token: str, *, ledger: Url = DEFAULT_URL) -> None:
    """Revoke a token, by itself or by its id from ``token list``; it ends within seconds."""
    with _opened(ledger) as (tokens, access):
        entry = tokens.entry(token)
        if entry is None or entry.revoked_at is not None:
            raise UnusableUrl("no token like that is still good; see token list")
        revocation = revocation_of(entry, _account())
        if revocation is not None:
            access.execute(NoteRevocation(revocation=revocation), OPERATOR)
        tokens.revoke(entry.id)


def grant(
    tokens: Tokens,
    access: Ledger,
    holder: Holder,
    *,
    expires_on: date | None = None,
    second: str | None = None,
) -> str:
    """A new token, noted in the access ledger before it is good for anything."""
    token = draw()
    digest = digest_of(token)
    noted = TokenGranted(
        token=digest[:ID_DIGITS],
        unit=holder.unit,
        holder=holder.person,
        role=holder.role,
        entity=holder.entity,
        expires_on=expires_on,
        requested_by=_account(),
        approved_by=second,
    )
    access.execute(NoteGrant(grant=noted), OPERATOR)
    tokens.admit(digest, holder, expires_on, noted.requested_by, second)
    return token


def _second(person: str, holder: Holder) -> str:
    try:
        second: str = msgspec.convert(person, ActorId)
    except msgspec.ValidationError:
        raise ValueError(f"--second must be a badge id, as HEAD-001; it is {person!r}") from None
    if same_person(second, holder.person) or same_person(second, _account()):
        raise ValueError(
            f"--second must be another person than the holder and than {_account()}, who runs "
            f"this; it is {second}"
        )
    return second


#: Whose tokens stand for nobody in office.
_OUTSIDE = frozenset({"entity_rep", "public", "subscriber_system"})


def _confirm(tokens: Tokens, second: str) -> None:
    """Have the second person show a token of their own. Raises ``UnusableUrl`` without one."""
    prompt = f"{second}, confirm this by a token of your own: "
    shown = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    grant = tokens.lookup(shown.strip())
    if grant is None or grant.role in _OUTSIDE or not same_person(grant.person, second):
        raise UnusableUrl(
            f"{second} must confirm this by a token of their own that is good, of a person in "
            "office: type it when asked, or send it as one line of standard input. Without one, "
            f"create it first, as in: token create JB {second} jb_supervisor. Nothing was created."
        )


def _account() -> str:
    """Return the account that runs this, as an actor is named: the process's, not a variable's."""
    try:
        import pwd  # noqa: PLC0415 - there is none on Windows

        name = pwd.getpwuid(os.getuid()).pw_name
    except ImportError:
        name = getpass.getuser()
    except KeyError:
        name = str(os.getuid())
    return "os:" + re.sub(r"[^A-Za-z0-9._:/@#~+-]", "_", name)[:100]


@contextmanager
def _opened(url: str) -> Iterator[tuple[Tokens, Ledger]]:
    """The tokens, and the access ledger that notes what is done with them."""
    with (
        open_recorder(url, create=False, tell=say) as recorder,
        Tokens.open(claim(beside(recorder.path, "tokens"), recorder)) as tokens,
        open_accesses(recorder) as accesses,
        Ledger(accesses) as access,
    ):
        yield tokens, access


@contextmanager
def _tokens(url: str) -> Iterator[Tokens]:
    """The tokens of a ledger that is there: with a mistyped one they would be good for nothing."""
    with open_recorder(url, create=False, read_only=True) as recorder:
        refuse_earlier(recorder)
        refuse_anothers(beside(recorder.path, "tokens"), recorder)
        with Tokens.open(beside(recorder.path, "tokens"), read_only=True) as tokens:
            yield tokens
