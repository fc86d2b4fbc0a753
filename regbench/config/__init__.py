"""Configuration: declared fields, the checked configuration of a run, its identity, and the options to choose from."""
