"""Objects in a file that several processes load."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from noisewise.compute.packed import pack, unpack


@given(st.lists(st.tuples(st.sampled_from(["f4", "i8", "?", "U3"]), st.integers(0, 40), st.booleans()), max_size=4))
def test_arrays_come_back_aligned_writable_and_apart(kinds):
    arrays = [np.arange(2 * size).reshape(2, size).astype(kind) for kind, size, _ in kinds]
    arrays = [
        np.asfortranarray(array) if turned else array for array, (_, _, turned) in zip(arrays, kinds, strict=True)
    ]
    with pack(lambda: arrays) as file:
        first, again = unpack(file.fileno())(), unpack(file.fileno())()
        for found, other, array in zip(first, again, arrays, strict=True):
            assert found.dtype == array.dtype
            assert np.array_equal(found, array)
            assert found.flags.writeable
            assert found.size == 0 or found.ctypes.data % 64 == 0
            found[...] = 0
            assert np.array_equal(other, array), "changes stay where they were made"
