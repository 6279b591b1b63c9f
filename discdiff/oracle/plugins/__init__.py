"""Oracles of the user's own: a function in a file, and a command in any environment."""

from discdiff.oracle.plugins.command import CommandOracle
from discdiff.oracle.plugins.file import FileOracle

__all__ = ["CommandOracle", "FileOracle"]
