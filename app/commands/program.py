"""The name by which an operator starts this program."""

_PACKAGE = __name__.partition(".")[0]

PROGRAM = "python -m app" if _PACKAGE == "app" else _PACKAGE
"""`python -m app` in a checkout. The wheel installs the package and a command as `taskward`."""
