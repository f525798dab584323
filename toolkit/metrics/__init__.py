"""How good answers are: scores, intervals, directions of metrics and the arithmetic of votes."""
