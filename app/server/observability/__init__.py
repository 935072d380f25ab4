"""Logs, metrics, traces, liveness and readiness."""
