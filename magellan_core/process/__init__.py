"""What a process owes its host: systemd notifications, log lines, alerts."""
