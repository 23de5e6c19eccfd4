"""The demo that proves the main job, with its own mail server."""
