"""Parts, one folder a subject; they import nothing above them."""
