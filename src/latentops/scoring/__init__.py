"""Files of any size in, the same rows with a model's answers out, in bounded memory."""
