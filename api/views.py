"""All resources that are answered from views and trails, and the readiness of the views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules

from msgspec.structs import replace

from api import systems
from api.contract import rules
from api.http.resources import Resource
from api.operations.health import MAX_LAG, Check, Readiness
from api.systems import histories
from projections.follower import Follower


def _collected() -> Iterator[Resource]:
    """Yield the resources of every module of ``api.systems``, by its name, then the rules."""
    for module in iter_modules(systems.__path__):
        for resource in import_module(f"{systems.__name__}.{module.name}").RESOURCES:
            # In the description, they stand with the commands of their system.
            yield resource if resource.group else replace(resource, group=module.name)
    yield from rules.RESOURCES


RESOURCES: tuple[Resource, ...] = histories.with_histories(_collected())


def readiness(follower: Follower, max_lag: int = MAX_LAG) -> Mapping[str, Check]:
    """Return a readiness check for each view, for /readyz and /metrics.

    A view is not ready if it stopped at an event, if its database fails, or if it is more than
    ``max_lag`` positions behind the ledger: its answers would be outdated.
    """

    def check(view: str) -> Check:
        def look() -> Readiness:
            (health,) = follower.health(view)
            at = f" at position {health.error_position}" if health.error_position else ""
            return Readiness(
                ready=health.state in ("following", "standby") and health.lag <= max_lag,
                # Leave out the error's message, which may quote the event: the log has it.
                detail=f"{health.state}{at}: {health.kind}" if health.kind else health.state,
                position=health.position,
                lag=health.lag,
            )

        return look

    return {name: check(name) for name in follower.views.views}


__all__ = ["RESOURCES", "readiness"]
