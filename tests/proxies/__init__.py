"""Taskward behind real proxies, with the configurations of docs/how-to/proxies.md."""
