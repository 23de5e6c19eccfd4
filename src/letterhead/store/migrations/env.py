"""How Alembic reaches the database."""

from alembic import context

from letterhead.store.jobs import PREFIX
from letterhead.store.tables import metadata

engine = context.config.attributes["engine"]()
with engine.begin() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        include_name=lambda name, *_: not (name or "").startswith(PREFIX),
    )
    context.run_migrations()
    context.config.attributes["finish"](connection)
engine.dispose()
