"""From words typed to checked runs: Hydra composes; this package decides what it may compose, and explains refusals."""
