"""The configurations of the command line: one file a command, one folder a group of options."""
