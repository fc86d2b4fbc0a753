"""The shared trainer: one step, many runs at once, and the epochs around it."""
