"""SQL, and nobody else speaks it."""
