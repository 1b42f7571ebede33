"""``supervision-ledger token``: tokens made by a person with access to the ledger's files.

Such a person can do anything with these files. So the access ledger records who made a token, when,
and for whom. The first two operators get their tokens here. One operator can request every later
token, and another operator approve it (docs/decisions/0010-operators.md).
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
from api.console.sessions import Sessions
from api.http.tokens import Holder, Tokens, digest_of, draw, holder_of, open_tokens
from api.operations.operators import revocation_of
from ledger.access.events import TokenGranted
from ledger.access.tokens import ID_DIGITS, NoteGrant, NoteRevocation
from ledger.general.vocabulary import ActorId, Role, same_person
from ledger.kernel import Ledger
from ledger.opening import (
    UnusableUrl,
    open_accesses,
    open_recorder,
    refuse_anothers,
    sibling,
)
from ledger.stores.sqlite import SQLiteRecorder
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
    """Create a token for a person of a unit in a role. It cannot be shown again.

    The access ledger records who did it (the account that runs this command), when and for whom.

    Parameters
    ----------
    second
        A second person who vouches for the token; required for an operator's token. They confirm it
        with their own token: the command asks for it, or reads it as one line from standard input.
    """
    try:
        holder = holder_of(unit, person, role, entity)
        other = None if second is None else _second(second, holder)
    except ValueError as error:
        raise UnusableUrl(str(error)) from error
    if role == "operator" and other is None:
        raise UnusableUrl(
            "an operator's token must be created by two persons; name the second one, for example "
            "--second HEAD-001"
        )
    with _opened(ledger) as (tokens, access):
        if other is not None:
            _confirm(tokens, other)
        tell(grant(tokens, access, holder, expires_on=expires_on, second=other))


@app.command(name="draw")
def draw_() -> None:
    """Draw a token for yourself. It cannot be shown again, and is not valid until it is granted.

    Give an operator the digest; give nobody the token.
    """
    token = draw()
    tell(token)
    say(f"digest to give to the operator: {digest_of(token)}")


@app.command(name="list")
def list_(*, ledger: Url = DEFAULT_URL, json: Json = False) -> None:
    """List all tokens ever created, without their secrets."""
    with _tokens(ledger) as tokens:
        show([msgspec.to_builtins(entry) for entry in tokens.list()], json)


@app.command
def revoke(token: str, *, ledger: Url = DEFAULT_URL) -> None:
    """Revoke a token, given the token or its id from ``token list``; takes effect in seconds."""
    with _opened(ledger) as (tokens, access):
        entry = tokens.entry(token)
        if entry is None or entry.revoked_at is not None:
            raise UnusableUrl("the token must be a valid one; see token list")
        revocation = revocation_of(entry, _account())
        if revocation is not None:
            access.execute(NoteRevocation(revocation=revocation), OPERATOR)
        tokens.revoke(entry.id)


@app.command(name="end-sessions")
def end_sessions(person: str, *, ledger: Url = DEFAULT_URL) -> None:
    """Sign out a person whom an identity provider signed in to the console, everywhere, at once.

    Sessions that a token began end when the token is revoked.
    """
    with _opened(ledger) as (tokens, _):
        say(f"sessions ended: {Sessions(tokens).end_of(person)}")


def grant(
    tokens: Tokens,
    access: Ledger,
    holder: Holder,
    *,
    expires_on: date | None = None,
    second: str | None = None,
) -> str:
    """Create a token; the access ledger records it before the token becomes valid."""
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
        raise ValueError(f"--second must be a badge id like HEAD-001; it is {person!r}") from None
    if same_person(second, holder.person) or same_person(second, _account()):
        raise ValueError(
            f"--second must be neither the holder nor {_account()}, who runs this command; "
            f"it is {second}"
        )
    return second


#: Roles of tokens whose holders are not officials.
_OUTSIDE = frozenset({"entity_rep", "public", "subscriber_system"})


def _confirm(tokens: Tokens, second: str) -> None:
    """Let the second person confirm with their own token. Raises ``UnusableUrl`` without one."""
    prompt = f"{second}, confirm this with your own token: "
    shown = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    grant = tokens.lookup(shown.strip())
    if grant is None or grant.role in _OUTSIDE or not same_person(grant.person, second):
        raise UnusableUrl(
            f"{second} must confirm this with their own valid token, in an official role: type it "
            "when asked, or send it as one line on standard input. If they have none, create it "
            f"first, for example: token create JB {second} jb_supervisor. Nothing was created."
        )


def _account() -> str:
    """Return the account of this process as an actor id; environment variables do not count."""
    try:
        import pwd  # noqa: PLC0415 - Windows does not have this module

        name = pwd.getpwuid(os.getuid()).pw_name
    except ImportError:
        name = getpass.getuser()
    except KeyError:
        name = str(os.getuid())
    return "os:" + re.sub(r"[^A-Za-z0-9._:/@#~+-]", "_", name)[:100]


@contextmanager
def _opened(url: str) -> Iterator[tuple[Tokens, Ledger]]:
    """Open the tokens, and the access ledger that records what is done with them."""
    with (
        open_recorder(url, create=False, tell=say) as recorder,
        open_tokens(recorder) as tokens,
        open_accesses(recorder) as accesses,
        Ledger(accesses) as access,
    ):
        yield tokens, access


@contextmanager
def _tokens(url: str) -> Iterator[Tokens]:
    """Open the tokens of an existing ledger: with a mistyped URL they would be useless."""
    with open_recorder(url, create=False, read_only=True) as recorder:
        if not isinstance(recorder, SQLiteRecorder):
            with open_tokens(recorder) as tokens:
                yield tokens
            return
        refuse_earlier(recorder)
        refuse_anothers(sibling(recorder.path, "tokens"), recorder)
        with Tokens.open(sibling(recorder.path, "tokens"), read_only=True) as tokens:
            yield tokens
