"""After a long way to the head the follower gives back what it took, and goes on as before."""

from __future__ import annotations

import time
from pathlib import Path

from projections.follower import RUN, Follower
from projections.opening import open_views, verify_views
from projections.views import FoldView
from tests.projections.facts import E1, E2, Past, inspection, task


def remembered(follower: Follower) -> int:
    """Folds that the views keep in memory."""
    views = follower.views.views.values()
    return sum(len(view._known) for view in views if isinstance(view, FoldView))


def until_rested(follower: Follower, idle: int) -> bool:
    deadline = time.monotonic() + 10
    while remembered(follower) or follower.views.engine.pool.checkedin() > idle:  # type: ignore[attr-defined]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_long_way_is_rested_from(past: Past, tmp_path: Path) -> None:
    """Caches are empty and connections closed after a rebuild; a short way leaves them."""
    views = open_views(f"sqlite:///{tmp_path / 'ledger.db'}")
    batch = 5
    with Follower(past.recorder, views, batch=batch) as follower:
        follower.start()
        past.add(task("T-0"))
        assert follower.wait_for(1, 60)
        time.sleep(0.4)
        assert remembered(follower), "a short way leaves what was remembered"
        count = batch * RUN + 10
        for n in range(1, count):
            past.add(inspection(f"I-{n}", E1 if n % 3 else E2))
        assert follower.wait_for(count, 60)
        assert until_rested(follower, 0)
        follower.rebuild()
        assert follower.wait_for(count, 60)
        assert until_rested(follower, 0)
        past.add(task("T-1"))
        assert follower.wait_for(count + 1, 60)
    assert all(view.same for view in verify_views(past.recorder, views))
    views.close()
