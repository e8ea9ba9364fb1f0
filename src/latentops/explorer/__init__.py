"""One HTML file in which a person looks into a model: its map, its units, its answers."""
