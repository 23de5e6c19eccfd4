"""The door for programs: JSON over HTTP, under /v1."""
