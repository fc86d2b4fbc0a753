"""Do the statistics keep their promises? Simulated studies whose truth is known: `make evidence`."""
