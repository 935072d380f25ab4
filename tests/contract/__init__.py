"""Tests of the contract `openapi.yaml`, and of a server that serves it."""
