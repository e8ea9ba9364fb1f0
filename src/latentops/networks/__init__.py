"""Encoders and decoders, one module per modality."""
