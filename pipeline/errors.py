"""Every exception that agentrisk raises on purpose.

AgentRiskError
├── UsageError        the command line asks for something that cannot be done     exit 2
│   ├── ConfigError   a setting is unknown, of the wrong type or out of range     exit 2
│   └── InputError    a file is missing, unreadable or of an unknown format       exit 2
├── RejectedError     one row cannot be read: expected, got, where                the row is kept, the rest goes on
└── StateError        a snapshot does not fit the code that reads it
"""

from __future__ import annotations


class AgentRiskError(Exception):
    """The root: catching it catches everything that agentrisk raises on purpose."""


class UsageError(AgentRiskError):
    """The command line asks for something that cannot be done."""


class ConfigError(UsageError):
    """A setting is unknown, of the wrong type or out of range; the message names its key."""


class InputError(UsageError):
    """A file is missing, unreadable or of an unknown format; the message names it."""


class RejectedError(AgentRiskError):
    """One row cannot be read; the message says expected, got and where in the row."""


class StateError(AgentRiskError):
    """A snapshot does not fit the code that reads it."""
