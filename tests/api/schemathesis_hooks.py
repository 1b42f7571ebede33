"""Loaded by schemathesis (``SCHEMATHESIS_HOOKS``): what its requests must not hold."""

from __future__ import annotations

from typing import Any

import schemathesis

#: The position for which a request may wait: a later one takes two seconds and is answered 425.
_AT_LEAST = ("at_least", "X-Position-AtLeast")


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """Wait for no position that the ledger has not reached, nor for events that do not come.

    Ask for no later page of a list in an order: its cursor is of an answer in the same order.
    """
    if query and query.get("sort", "id") != "id":
        query.pop("after", None)
    return _without_waiting(query)


@schemathesis.hook
def map_headers(context: Any, headers: Any) -> Any:
    """Wait for no position that the ledger has not reached."""
    return _without_waiting(headers)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Type no search besides the conditions that it stands for: it must not give one of them again.

    A request of the examples has every parameter at once, and no other hook sees it.
    """
    if case.query and len(case.query) > 1:
        case.query.pop("query", None)


def _without_waiting(values: Any) -> Any:
    for name in (*_AT_LEAST, "wait"):
        if values and name in values and str(values[name]).isdigit():
            values[name] = "0" if name == "X-Position-AtLeast" else 0
    return values
