"""What scripts call: snapshots, reconciliation, summaries."""
