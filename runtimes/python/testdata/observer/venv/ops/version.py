"""The version of the stand-in."""

version = "1"
