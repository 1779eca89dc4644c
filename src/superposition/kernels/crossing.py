"""Features whose hinges cross the points of a tile, in three and more hidden dimensions; `plane` has two.

With theta_i = (W_i, b_i) and u_t = (h_t, 1), see `linear_regions`: z_ti = theta_i . u_t, and what is asked for is
sum_t relu(z_ti) u_t of every feature and sum_i relu(z_ti) W_i of every point.
"""

from superposition.kernels.compilation import jit, jit_inlined
from superposition.kernels.products import BLOCK, add_outer_product, multiply_block
from superposition.kernels.tiles import ROW, ROW2, ROW3, start_of
from superposition.kernels.vectors import WIDTH, load, multiply_add, positive_part, spread, store

AT_ONCE = 16  # points whose relu(z) stay in the cache until the sums over features have met them (measured)


@jit
def add_crossing(u, grad_h, lanes, chunk, change, z):
    """Add a chunk of features to grad_h (points, n_hidden), and set change = sum_t relu(z_t) u_t.

    Args:
        u: (points, n_hidden + 1); chunk: a tile of n_hidden + 1 rows, the theta of a feature in each of `lanes` lanes
        change: a tile like chunk; z: room for a tile of AT_ONCE rows
    """
    size = u.shape[1]
    for k in range(size):
        row = start_of(k)
        for lane in range(ROW):
            change[row + lane] = 0
    for first in range(0, len(u), AT_ONCE):
        end = min(first + AT_ONCE, len(u))
        add_hinges(u[first:end], chunk, z, change, lanes)
        add_outer_product(chunk, z, grad_h[first:end].T, lanes)


@jit_inlined
def add_hinges(u, chunk, z, change, lanes):
    """z[t, lane] = relu(sum_k u[t, k] chunk[k, lane]) and change[k, lane] += sum_t z[t, lane] u[t, k].

    Four points at a time: their z are used before they leave the registers. u[t, -1] is 1.
    """
    points, size = u.shape
    fours, bias = points - points % 4, start_of(size - 1)
    for lane in range(0, lanes, BLOCK):
        b0, b1 = load(chunk, bias + lane), load(chunk, bias + lane + WIDTH)
        for t in range(0, fours, 4):
            p0, p1, q0, q1, r0, r1, s0, s1 = multiply_block(u, t, size - 1, chunk, lane, b0, b1, b0, b1, b0, b1, b0, b1)
            at = start_of(t) + lane
            p0, p1 = _store_positive(z, at, p0, p1)
            q0, q1 = _store_positive(z, at + ROW, q0, q1)
            r0, r1 = _store_positive(z, at + ROW2, r0, r1)
            s0, s1 = _store_positive(z, at + ROW3, s0, s1)
            for k in range(size):
                at = start_of(k) + lane
                a, b, c, d = spread(u[t, k]), spread(u[t + 1, k]), spread(u[t + 2, k]), spread(u[t + 3, k])
                sum0 = multiply_add(b, q0, multiply_add(a, p0, load(change, at)))
                sum1 = multiply_add(b, q1, multiply_add(a, p1, load(change, at + WIDTH)))
                store(change, at, multiply_add(d, s0, multiply_add(c, r0, sum0)))
                store(change, at + WIDTH, multiply_add(d, s1, multiply_add(c, r1, sum1)))
        for t in range(fours, points):
            p0, p1 = b0, b1
            for k in range(size - 1):
                at, a = start_of(k) + lane, spread(u[t, k])
                p0, p1 = multiply_add(a, load(chunk, at), p0), multiply_add(a, load(chunk, at + WIDTH), p1)
            p0, p1 = _store_positive(z, start_of(t) + lane, p0, p1)
            for k in range(size):
                at, a = start_of(k) + lane, spread(u[t, k])
                store(change, at, multiply_add(a, p0, load(change, at)))
                store(change, at + WIDTH, multiply_add(a, p1, load(change, at + WIDTH)))


@jit_inlined
def _store_positive(z, at, first, second):
    """Store the positive parts of both at z[at] and behind it; returns them."""
    first, second = positive_part(first), positive_part(second)
    store(z, at, first)
    store(z, at + WIDTH, second)
    return first, second
