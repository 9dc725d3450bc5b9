"""What others have published: its table, whether its numbers agree with each other, and what they say together."""
