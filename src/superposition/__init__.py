"""Superposition and sparse autoencoders in toy models: models, training and every measurement made on them."""
