"""Training of stacked ensembles."""
