"""Small services that show how parts of Taskward are used."""
