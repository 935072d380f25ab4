"""Whether Taskward takes as long with ten million tasks as with ten thousand."""
