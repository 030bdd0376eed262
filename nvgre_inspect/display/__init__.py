"""Values, times and texts as people see them, on the command line and in the terminal UI."""
