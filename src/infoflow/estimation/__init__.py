"""The estimate stage: recorded layers or weights in, tidy tables out."""
