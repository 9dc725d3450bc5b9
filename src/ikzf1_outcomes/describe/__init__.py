"""Who the patients are: frequencies, what occurs together, Table 1, and whether the tested resemble the untested."""
