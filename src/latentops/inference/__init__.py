"""A trained model at work on what a person has."""
