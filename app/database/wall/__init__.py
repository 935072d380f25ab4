"""The second wall: roles, row-level security, and the audit of both."""
