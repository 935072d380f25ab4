"""Devices of one user that work offline, over a line that loses and repeats requests."""
