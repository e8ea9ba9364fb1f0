"""Scores of a model, a code or a prediction, each with its unit and sign."""
