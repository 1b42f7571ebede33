"""What happens in the district in the thirteen months that end today, chapter by chapter.

Each chapter plans its steps on a ``Walk``, counted in days from the first; the walk takes all of
them in the order of their days. What is still open at the end is what people find in their inbox.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from api.district.story import beginning, cases, complaints, credit, months, this_week, visits
from api.district.walk import Walk

#: How many days the story takes: always a whole year's end with the assessment after it.
DAYS = 400


def tell(url: str, now: datetime, on_day: Callable[[date], None] = lambda day: None) -> None:
    """Record the story in the new ledger at ``url``; it ends just before ``now``."""
    begins = now.date() - timedelta(days=DAYS)
    with Walk(url, begins, on_day) as walk:
        for chapter in (beginning, visits, complaints, cases, credit, months, this_week):
            chapter.plan(walk)
        walk.live(now - timedelta(minutes=1))
