"""What is recorded of trained networks."""
