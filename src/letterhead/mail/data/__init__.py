"""Facts that the rules read: no code."""
