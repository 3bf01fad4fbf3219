"""How tunnels are read from commands: ssh, relays, services."""
