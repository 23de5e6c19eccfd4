"""How Alembic reaches the database."""

from alembic import context
from sqlalchemy import create_engine, event, pool

from letterhead.store.tables import metadata

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)


@event.listens_for(engine, "connect")
def prepare(raw, _entry):  # type: ignore[no-untyped-def]
    raw.isolation_level = None  # else DDL is not rolled back
    raw.execute("PRAGMA busy_timeout=10000")
    raw.execute("PRAGMA foreign_keys=OFF")  # rebuilding a parent table must not delete children


@event.listens_for(engine, "begin")
def start(connection):  # type: ignore[no-untyped-def]
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.begin() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    context.run_migrations()
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise RuntimeError("A migration left rows that point nowhere.")
engine.dispose()
