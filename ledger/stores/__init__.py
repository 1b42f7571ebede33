"""Where events lie."""

from eventsourcing.persistence import PersistenceError as StoreError

__all__ = ["StoreError"]
