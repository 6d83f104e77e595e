"""Alpaca as our broker and our source of market data: the only importers of alpaca-py."""
