"""From estimates to verdicts: results, statistics, the rule."""
