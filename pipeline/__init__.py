"""agentrisk: one explained risk score per autonomous AI agent, from its flows, GPU samples and commands."""

__version__ = "0.1.0"
