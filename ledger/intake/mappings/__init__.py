"""The registers that can be imported, by name."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.intake.mapping import RegisterMapping
from ledger.intake.mappings.jp_labour import JP_LABOUR
from ledger.intake.mappings.nyc_restaurants import NYC_RESTAURANTS
from ledger.intake.mappings.sf_food import SF_FOOD

MAPPINGS: Mapping[str, RegisterMapping] = {
    mapping.name: mapping for mapping in (SF_FOOD, NYC_RESTAURANTS, JP_LABOUR)
}
