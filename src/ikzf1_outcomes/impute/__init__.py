"""Results of several completed data sets made one: Rubin's rules, and effects under uncertain IKZF1 calls."""
