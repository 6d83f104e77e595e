"""Risk: small pure predicates. Each answers a question with a reason to refuse, or None."""
