"""Tests of app/database."""
