"""A ledger that a process of its own serves: it can be killed, and started again where it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

from api.http.tokens import Tokens
from ledger.general.vocabulary import Role
from ledger.kernel import Actor, Event
from ledger.opening import open_ledger, open_recorder
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity
from supervision_ledger_client.testing import LedgerService
from tests.cast import HEAD
from tests.gwt import Record

#: How long a process may take, in seconds.
SECONDS = 120

ROOT = Path(__file__).parents[1]

EDB = Actor(unit_id="EDB", person_id="P-1", role="credit_officer")


class Served(LedgerService):
    """The service of this source tree, with what tests do to its files while it runs."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder, *options, program=(sys.executable, "-m", "api"))

    def _new_token(self, words: tuple[str, ...]) -> str:
        # As the command line does, but at once: starting it takes seconds.
        unit, person, role, *entity = words
        with Tokens.open(self.folder / "ledger.db.tokens.db") as tokens:
            return tokens.create(unit, person, cast("Role", role), *entity[1:])

    def register(self, first: int, count: int) -> None:
        """Register businesses that everybody may see, in this process, while another one serves."""
        with open_recorder(self.url) as recorder, open_ledger(recorder) as ledger:
            for number in range(first, first + count):
                entity = f"register:{number}"
                ledger.execute(RegisterEntity(entity=entity, identity=Identity(name="行")), EDB)

    def given(self, *events: Event) -> None:
        """Facts of systems whose commands a test is not about, as if just recorded."""
        with open_recorder(self.url) as recorder, open_ledger(recorder) as ledger:
            ledger.execute(Record(facts=events), HEAD)
