"""The strategies, each pure code with its deployment folder."""
