"""Superposition and sparse autoencoders in toy models: the models, their training and every measurement made on them."""
