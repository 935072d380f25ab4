"""The contract engine, without Taskward and without a database."""
