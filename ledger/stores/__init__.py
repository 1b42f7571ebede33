"""The stores: events in one SQLite file, blobs and sealed evidence in folders with it."""

from eventsourcing.persistence import PersistenceError as StoreError

__all__ = ["StoreError"]
