"""Trained models of words and of images at work in numpy alone, and any other through torch."""
