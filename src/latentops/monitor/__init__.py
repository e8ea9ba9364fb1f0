"""Whether a window of use still looks like the rows that a model was validated on."""
