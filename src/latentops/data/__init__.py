"""Sources, validation, vocabulary, splits and batches."""
