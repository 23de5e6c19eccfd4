"""Values and rules: no network, no database, no framework, no clock."""
