"""The benchmark: Taskward and other frameworks, side by side, on one machine and in one run."""
