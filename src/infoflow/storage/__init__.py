"""Files between the stages: atomic writes, HDF5, Parquet, weights, job files."""
