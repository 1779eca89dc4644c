"""Synthetic dictionaries: data whose true features, and how they depend on each other, are known by construction."""

from superposition.dictionaries.dictionary import Dictionary, make_dictionary

__all__ = ["Dictionary", "make_dictionary"]
