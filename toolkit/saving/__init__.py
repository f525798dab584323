"""Models in and out: exported and proved, loaded, asked for predictions."""
