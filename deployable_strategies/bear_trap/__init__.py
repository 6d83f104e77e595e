"""Bear Trap: buy the reclaim of a broken low, intraday."""
