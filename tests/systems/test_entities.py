"""Market entities: known once, renamed, gone from their register."""

from __future__ import annotations

from datetime import date

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import OutOfStep, UnknownReference
from ledger.systems.entities.commands import DelistEntity, RegisterEntity, ReviseEntity
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityRegistered,
    EntityRevised,
    Identity,
)
from tests.gwt import Scenario

E_A, E_B = "91620100MA7LX00338", "91620100MA7LX0076M"
SHOP = Identity(name="兰州新区甲食品有限公司", area="西岔园区")
OTHER = EntityRegistered(entity=E_B, identity=Identity(name="乙"))


@pytest.fixture
def story() -> Scenario:
    """A ledger that knows another business."""
    return Scenario(InMemoryDCBRecorder()).amid(OTHER)


def test_a_business_is_registered_once(story: Scenario) -> None:
    """The first registration is recorded; a second one of the same business is not."""
    register = RegisterEntity(entity=E_A, identity=SHOP)
    story.when(register).then(EntityRegistered(entity=E_A, identity=SHOP))
    story.when(register).raises(OutOfStep, says=E_A)


def test_a_legacy_number_names_a_business_without_a_code(story: Scenario) -> None:
    """Annex A: individual businesses may have an older registration number only."""
    story.when(RegisterEntity(entity="gsxt:620199600012345", identity=SHOP)).then(EntityRegistered)


@pytest.mark.parametrize("mistyped", ["91350100M000100Y4Z", "91990100MA7LX0017J", "9162"])
def test_what_cannot_be_a_code_is_no_business(mistyped: str) -> None:
    """Annex A: a letter outside the alphabet, or no division code, is found at the door."""
    with pytest.raises(ValueError, match="entity: "):
        RegisterEntity(entity=mistyped, identity=SHOP)


def test_a_business_that_nobody_registered_cannot_change(story: Scenario) -> None:
    """A revision and a delisting need somebody to be about, and the neighbour is not it."""
    story.when(ReviseEntity(entity=E_A, identity=SHOP, reason="迁址")).raises(UnknownReference)
    story.when(DelistEntity(entity=E_A, reason="注销")).raises(UnknownReference)


def test_only_a_change_is_recorded(story: Scenario) -> None:
    """Saying again what is known records nothing; saying something else does."""
    story.given(EntityRegistered(entity=E_A, identity=SHOP))
    story.when(ReviseEntity(entity=E_A, identity=SHOP, reason="年报")).then()
    moved = Identity(name=SHOP.name, area="中川园区")
    story.when(ReviseEntity(entity=E_A, identity=moved, reason="迁址")).then(
        EntityRevised(entity=E_A, identity=moved, reason="迁址")
    )


def test_a_business_leaves_its_register_once(story: Scenario) -> None:
    """What has left cannot leave again, whoever else is still listed."""
    story.given(EntityRegistered(entity=E_A, identity=SHOP))
    delist = DelistEntity(entity=E_A, reason="注销")
    story.when(delist).then(
        EntityLeftRegister(entity=E_A, reason="注销", kind="deregistered", left_on=date(2026, 1, 5))
    )
    story.when(delist).then()
