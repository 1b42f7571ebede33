"""The credit profile of a business (信用档案, rulebook 2.16): one fold, and the view that keeps it.

The same fold serves the view (what is known now) and the replay (what was known then, or what would
follow from imagined facts). ``render`` turns it into a document for one of three audiences.
"""

from projections.profiles.changes import Change, by_name, difference
from projections.profiles.fold import CreditProfile
from projections.profiles.following import Following
from projections.profiles.law import NO_LAW, VISIT_CAP, Law, law_as_of
from projections.profiles.parts import CreditEntry, CreditEvent, When, happened, later
from projections.profiles.rendering import Told, as_json, cap_of, regimes, render, says_nothing
from projections.profiles.standing import EVERY, PUBLIC, RESTRICTED, Audience, Sight
from projections.profiles.view import PROFILES, Profiles

__all__ = [
    "EVERY",
    "NO_LAW",
    "PROFILES",
    "PUBLIC",
    "RESTRICTED",
    "VISIT_CAP",
    "Audience",
    "Change",
    "CreditEntry",
    "CreditEvent",
    "CreditProfile",
    "Following",
    "Law",
    "Profiles",
    "Sight",
    "Told",
    "When",
    "as_json",
    "by_name",
    "cap_of",
    "difference",
    "happened",
    "later",
    "law_as_of",
    "regimes",
    "render",
    "says_nothing",
]
