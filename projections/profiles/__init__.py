"""The credit profile of a business (信用档案, rulebook 2.16): one fold, and the view that keeps it.

The same fold answers three questions: the view's (what is known now), the replay's (what was known
then, or would be if), and the reader's, by ``render``, for one of three audiences.
"""

from projections.profiles.fold import CreditProfile
from projections.profiles.parts import CreditEntry, CreditEvent, When, happened, later
from projections.profiles.rendering import (
    Audience,
    Caps,
    Told,
    as_json,
    cap_of,
    render,
    says_nothing,
)
from projections.profiles.view import PROFILES, VISIT_CAP, Profiles, caps_as_of, in_force

__all__ = [
    "PROFILES",
    "VISIT_CAP",
    "Audience",
    "Caps",
    "CreditEntry",
    "CreditEvent",
    "CreditProfile",
    "Profiles",
    "Told",
    "When",
    "as_json",
    "cap_of",
    "caps_as_of",
    "happened",
    "in_force",
    "later",
    "render",
    "says_nothing",
]
