"""What is wrong with a run: its curves and layers read, rules over them, findings and their words."""
