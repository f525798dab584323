"""What a run did and found, as one page."""
