"""Information flow in deep networks: estimators, experiments, verdicts."""
