"""The exception tree: every error the library raises on purpose is a `DiscdiffError`."""


class DiscdiffError(Exception):
    """Root of the library's exceptions.

    Example:
        >>> issubclass(DataError, DiscdiffError)
        True
    """


class InputError(DiscdiffError, ValueError):
    """An argument breaks a stated rule; the message names the rule and the value."""


class ConfigError(InputError):
    """A configuration key or value is wrong; the message names file, key and what is allowed."""


class DataError(InputError):
    """Data cannot be read or tokenised; the message names file, row or position."""


class CheckpointError(DiscdiffError):
    """A model folder is missing, truncated, foreign, or newer than this version."""


class OracleError(DiscdiffError):
    """An oracle raised, or returned something that is not one row of numbers per sequence."""


class StoreError(DiscdiffError):
    """A run folder cannot be created, read or continued."""


class UnsupportedError(DiscdiffError):
    """A combination of process, plan and method that has no correct implementation."""
