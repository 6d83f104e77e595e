"""Hourly Swing: the same trigger on hourly bars, held overnight."""
