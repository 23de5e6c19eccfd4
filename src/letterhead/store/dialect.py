"""What SQLite and PostgreSQL say in different classes, though in the same words."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert


def insert_new(dialect: Dialect, table: Table) -> Insert:
    """Insert rows; one whose key is there already is left as it is."""
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()
