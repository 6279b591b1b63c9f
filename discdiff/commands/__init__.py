"""One command of the command line a file; heavy imports wait until a command runs."""
