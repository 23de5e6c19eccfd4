"""What people and programs can ask for: one function, one transaction."""
