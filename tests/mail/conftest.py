"""Rules are quick: a hundred examples of a property are enough, and none is timed."""

from hypothesis import settings

settings.register_profile("rules", max_examples=100, deadline=None)
settings.load_profile("rules")
