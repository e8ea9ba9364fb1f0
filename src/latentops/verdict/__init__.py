"""What the VAE is worth to a classifier: label budgets, cost, and inputs never seen."""
