"""stub"""
def read_tables(sources, *, na_values):
    raise NotImplementedError
