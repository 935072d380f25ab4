"""The commands of `python -m app`, one in each module."""
