"""Make the schemas of a ledger in a database, and grant a role what the service needs there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from psycopg import sql

from ledger.stores.database import Database, grant_schema, make_schema
from ledger.stores.postgres import PARTITION, PARTITIONS, grant, migrate
from ledger.stores.tables import Declared


def prepare(
    url: str,
    stores: Mapping[str, Declared],
    roles: Sequence[str],
    *,
    schema: str = "ledger",
    owned: Collection[str] = (),
) -> dict[str, Any]:
    """Make what is missing and repeat all grants; return what there is now.

    ``stores``: the stores that belong to the ledger, by the ending of their schema's name. A role
    may make tables in the schemas ``owned``. Raises the library's ``PersistenceError``.
    """
    access = f"{schema}_access"
    with closing(Database(url)) as database, database.transaction() as connection:
        migrate(connection, schema)
        row = connection.execute(f"SELECT id, position FROM {schema}.head".encode()).fetchone()
        assert row is not None
        id_, position = row
        migrate(connection, access, id_)
        for name, declared in stores.items():
            make_schema(connection, f"{schema}_{name}", declared)
        for role in roles:
            grant(connection, schema, role)
            grant(connection, access, role)
            for name, declared in stores.items():
                grant_schema(connection, f"{schema}_{name}", declared, role)
                if name in owned:
                    statement = sql.SQL("GRANT CREATE ON SCHEMA {} TO {}")
                    identifiers = (sql.Identifier(f"{schema}_{name}"), sql.Identifier(role))
                    connection.execute(statement.format(*identifiers))
    return {
        "ledger": id_,
        "events": position,
        "room_for_events": (position // PARTITION + PARTITIONS) * PARTITION,
        "schemas": [schema, access, *(f"{schema}_{name}" for name in stores)],
        "roles": list(roles),
    }
