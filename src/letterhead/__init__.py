"""Letterhead sends a platform's mail in the name of each of its portals."""

__version__ = "0.1.0"
