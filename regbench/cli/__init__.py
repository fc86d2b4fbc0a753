"""The command line: the only package, with display, that prints."""
