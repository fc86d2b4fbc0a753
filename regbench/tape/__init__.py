"""Playing back: the tensor operations of a computation recorded once, and repeated on other numbers without Python."""
