"""What a command line does: parsed as shell, looked through, redacted, shown."""
