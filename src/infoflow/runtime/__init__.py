"""How a run is started, watched and ended: Snakemake's process, its locks, its memory, the server that forks jobs."""
