"""Configs of the command line: composed, checked against typed settings, and built by name."""
