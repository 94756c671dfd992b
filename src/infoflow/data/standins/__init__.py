"""Stand-ins for data sets that no package ships: drawn by code, written in the real layout, read by the real reader."""
