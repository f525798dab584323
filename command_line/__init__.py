"""What the commands of `__main__` share: their options, what they print, and how they end."""
