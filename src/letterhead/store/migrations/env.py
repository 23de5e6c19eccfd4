"""How Alembic reaches the database."""

from alembic import context

from letterhead.store.tables import metadata

engine = context.config.attributes["engine"]()
with engine.begin() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    context.run_migrations()
    context.config.attributes["finish"](connection)
engine.dispose()
