"""The statistics of a study: pure functions from figures to records; nothing here prints, reads, writes or trains."""
