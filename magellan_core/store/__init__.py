"""Durable stores: the journal of one strategy, the portfolio shared by all, the instance lock."""
