"""Alpaca as our broker and our source of market data: the only importers of alpaca-py."""

from magellan_core.alpaca.light import import_sdk

import_sdk()
