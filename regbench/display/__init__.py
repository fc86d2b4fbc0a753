"""Displays on a terminal: progress, tables and cards."""
