"""The version of the API that this package speaks."""

version: str = '3.9.0'
"""The `ops` whose public names and behaviour these are."""

library: str = 'bangle'
"""Whose `ops` this is. Canonical's has no such name."""
