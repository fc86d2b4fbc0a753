"""The figures of a page, one a module; each `draw_...` returns None where there is nothing to draw."""
