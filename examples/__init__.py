"""Small services that show how to use parts of Taskward."""
