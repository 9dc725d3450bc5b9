"""What does a set of features add: discrimination of scores."""
