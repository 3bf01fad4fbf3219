"""How commands of an intruder are read, by what they are for: looking around, delivery, staying, reaching."""
