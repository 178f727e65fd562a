"""Joins consensus, runtime and storage: the one definition of a valid block."""
