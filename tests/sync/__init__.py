"""Devices of one user that work off-line, over a line that loses and repeats what they send."""
