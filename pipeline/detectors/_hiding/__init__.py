"""How hiding is read from commands: traces removed, programs disguised."""
