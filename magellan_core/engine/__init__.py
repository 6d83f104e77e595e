"""The engine that live, paper, replay and backtest share: recover, then tick."""
