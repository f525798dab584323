"""Keras models read, copied, changed and made: no training."""
