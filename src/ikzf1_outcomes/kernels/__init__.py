"""Arrays in, arrays out: the statistics without pandas and without patients.

Rows are sorted once (`risk.sort_rows`); every kernel walks that order. Times are integer ranks here.
"""
