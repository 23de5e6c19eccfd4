"""Tests of the packages in `clients/`, against a running Letterhead."""
