"""The door for programs that speak SMTP (RFC 6409): sign in with a key, hand messages in."""

from letterhead.submission.server import Server

__all__ = ["Server"]
