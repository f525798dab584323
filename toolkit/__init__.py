"""Parts: layers, curves, tasks, data, ensembles, export and report; they import nothing above them."""
