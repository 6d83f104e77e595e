"""Proof by trial: engines on the in-process exchange, killed and disturbed at chosen instants."""
