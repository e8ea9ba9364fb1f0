"""The registry: its rule, its lineage and the code that applies both."""
