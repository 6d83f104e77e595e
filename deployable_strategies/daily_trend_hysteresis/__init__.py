"""Daily Trend: a Schmitt trigger on daily RSI."""
