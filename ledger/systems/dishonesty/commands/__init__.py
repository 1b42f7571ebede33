"""Commands of dishonesty: determinations, serious lists, incentives and sanctions (2.4c)."""

from __future__ import annotations

from ledger.systems.dishonesty.commands.determinations import (
    DetermineDishonesty,
    NotifyDetermination,
    SubmitDefence,
)
from ledger.systems.dishonesty.commands.lists import (
    AddToSeriousList,
    ProposeListCriteria,
    PublishListCriteria,
    RemoveFromSeriousList,
    WithdrawListCriteria,
)
from ledger.systems.dishonesty.commands.measures import (
    ApplySanction,
    EndIncentive,
    GrantIncentive,
    LiftSanction,
    PromiseIncentive,
    PublishMeasureCatalogue,
    ReviewSanction,
)

__all__ = [
    "AddToSeriousList",
    "ApplySanction",
    "DetermineDishonesty",
    "EndIncentive",
    "GrantIncentive",
    "LiftSanction",
    "NotifyDetermination",
    "PromiseIncentive",
    "ProposeListCriteria",
    "PublishListCriteria",
    "PublishMeasureCatalogue",
    "RemoveFromSeriousList",
    "ReviewSanction",
    "SubmitDefence",
    "WithdrawListCriteria",
]
