"""The validation checklist, executable: what must hold before a daemon is started or replaced."""
