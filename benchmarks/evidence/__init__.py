"""Do the statistics keep their promises? Studies whose truth is known, simulated or of copies: `make evidence`."""
