"""What a person sees of a run: live progress, the table at its end, loss curves, and the catalogue of what exists."""
