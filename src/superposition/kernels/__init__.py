"""Fused training steps for one CPU thread, compiled with Numba: the specification's arithmetic without its tensors.

An instance's samples are drawn, encoded, decoded and turned into a gradient in tiles that stay in the cache, and its
parameters are updated, before the next instance is touched. `toy_models.py` and `saes/` say what is computed; tests
hold the kernels' gradients to autograd of those.
"""
