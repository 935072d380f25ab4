"""A measurement whether Taskward is as fast with ten million tasks as with ten thousand."""
