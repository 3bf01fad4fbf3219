"""How scans are read from commands: scanners, loops over targets, programs in Python."""
