"""Numbers become strings here and nowhere else: cells, tables, figures, prose, the document."""
