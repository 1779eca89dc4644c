"""The k largest of many numbers."""

import numpy as np

from superposition.kernels.compilation import jit

FEW = 24  # numbers that are put in order one by one
MANY, SAMPLE = 4096, 1024  # numbers of which a sample is looked at first; its size


@jit
def nth_largest(values, n, k):
    """The k-th largest, 1 <= k <= n, of values[:n], none of which is NaN; they are left in another order.

    Hoare's selection (1961): values from `low` to `high` have the place in question among them. Equal values part in
    the middle, so that ties take no longer.
    """
    place, low, high = k - 1, 0, n - 1  # in descending order
    while high - low >= FEW:
        a, b, c = values[low], values[(low + high) // 2], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            return pivot
    for i in range(low + 1, high + 1):
        value, j = values[i], i
        while j > low and values[j - 1] < value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return values[place]


@jit
def _narrow(values, n, k):
    """Bring to the front numbers that have the k largest of values[:n] among them; returns how many."""
    if n < MANY:
        return n
    step, sample = n // SAMPLE, np.empty(SAMPLE, np.float32)
    for i in range(SAMPLE):
        sample[i] = values[i * step]
    share = SAMPLE * k / n
    place = np.int64(share + 4 * np.sqrt(share) + 8)  # beyond which, but by rare chance, there are enough
    if place >= SAMPLE:
        return n
    bar, count = nth_largest(sample, SAMPLE, place), 0
    for i in range(n):
        count += values[i] >= bar
    if count < k:
        return n
    count = 0
    for i in range(n):
        value = values[i]
        values[i] = values[count]
        values[count] = value
        count += value >= bar
    return count


@jit
def find_bar(values, n, k):
    """What the k largest of values[:n] exceed, which are positive and are left in another order.

    Returns:
        bar: just below the k-th largest or, where not all that equal it are among the k, that itself; 0 if n < k
        places: how many that equal the bar are among the k
    """
    if k == 0:
        return np.float32(np.inf), 0
    if n <= k:
        return np.float32(0), 0
    n = _narrow(values, n, k)
    smallest = nth_largest(values, n, k)
    above = equal = 0
    for i in range(n):
        above += values[i] > smallest
        equal += values[i] == smallest
    if above + equal == k:
        return np.nextafter(smallest, np.float32(0)), 0
    return smallest, k - above


@jit
def list_above(row, norms, bar, places, chosen, z):
    """List where row * norms exceeds the bar, or is NaN, and of those that equal it the first, see `find_bar`.

    Returns:
        how many are listed, in chosen, with their values in z; and the places that are left
    """
    n = 0
    if places == 0:
        for j in range(len(norms)):
            chosen[n], z[n] = j, row[j]
            n += not row[j] * norms[j] <= bar
        return n, places
    for j in range(len(norms)):
        score = row[j] * norms[j]
        tied = places > 0 and score == bar
        places -= tied
        chosen[n], z[n] = j, row[j]
        n += tied or not score <= bar
    return n, places
