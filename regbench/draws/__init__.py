"""Random numbers of keys: the same words by NumPy, for the processor, and by torch, for any device."""
