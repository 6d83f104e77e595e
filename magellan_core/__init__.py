"""Magellan's shared library: what the three strategies' daemons have in common."""

__version__ = "0.1.0"
