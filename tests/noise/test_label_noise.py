"""The numbers each simple corruption promises."""

import numpy as np
import pytest
from scipy import stats

from noisewise.errors import BadInput
from noisewise.noise import corrupt


def within(count, n, p, sigmas=5):
    """Whether a binomial count lies within so many standard deviations of its mean."""
    return abs(count - n * p) <= sigmas * np.sqrt(n * p * (1 - p))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "spec, share",
    [
        ("symmetric:0.4", 0.4),
        ("uniform:0.4", 0.36),
        ("pair:0.45", 0.45),
        ("random", 0.9),
        ("asymmetric:0.4", 0.16),
    ],
)
def test_realised_noise_rate_within_sampling_error(spec, share, seed, fashion):
    noisy = corrupt(fashion, spec, seed)
    assert within((noisy.given != noisy.truth).sum(), len(noisy), share, sigmas=5)


@pytest.mark.parametrize("spec", ["symmetric:0.6", "symmetric:1", "symmetric:0.6,exact=true"])
def test_symmetric_noise_takes_every_wrong_class_alike(spec, fashion):
    noisy = corrupt(fashion, spec)
    wrong = noisy.given != noisy.truth
    offsets = np.bincount((noisy.given - noisy.truth)[wrong] % 10, minlength=10)
    assert offsets[0] == 0
    assert stats.chisquare(offsets[1:]).pvalue > 1e-4
    if spec == "symmetric:1":
        assert wrong.all()


@pytest.mark.parametrize(
    "spec, rate", [("symmetric:0.37", 0.37), ("pair:0.37", 0.37), ("uniform:0.37", 0.333), ("instance:0.37", 0.37)]
)
def test_exact_noise_has_the_same_share_in_every_class(spec, rate, fashion):
    noisy = corrupt(fashion, f"{spec},exact=true", seed=2)
    for k in range(10):
        rows = fashion.given == k
        assert (noisy.given != noisy.truth)[rows].sum() == np.rint(rate * rows.sum())


def test_pair_noise_goes_to_the_next_class_and_round(fashion):
    noisy = corrupt(fashion, "pair:0.45")
    offsets = np.bincount((noisy.given - noisy.truth) % 10, minlength=10)
    assert offsets[2:].sum() == 0
    assert noisy.transition[9, 0] == pytest.approx(0.45, abs=0.1)


def test_random_labels_are_uniform_and_independent_of_the_truth(fashion):
    noisy = corrupt(fashion, "random")
    assert stats.chisquare(np.bincount(noisy.given, minlength=10)).pvalue > 1e-4
    table = np.bincount(noisy.truth * 10 + noisy.given, minlength=100).reshape(10, 10)
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_permuted_labels_keep_their_numbers_and_lose_their_rows(vectors):
    data = vectors(n=3000, k=3)
    skewed = data.take(np.flatnonzero((data.given > 0) | (data.index % 5 == 0)))
    noisy = corrupt(skewed, "permute")
    np.testing.assert_array_equal(np.bincount(noisy.given), np.bincount(skewed.given))
    table = np.bincount(noisy.truth * 3 + noisy.given, minlength=9).reshape(3, 3)
    assert stats.chi2_contingency(table).pvalue > 1e-4


MATRIX = np.array([[0.7, 0.2, 0.1], [0, 1, 0], [0.25, 0.25, 0.5]])


@pytest.mark.parametrize("suffix", [".npy", ".csv"])
def test_matrix_noise_has_the_frequencies_of_the_file(suffix, vectors, tmp_path):
    path = tmp_path / f"a + b{suffix}"
    if suffix == ".npy":
        np.save(path, MATRIX)
    else:
        path.write_text("0.7, 0.2, 0.1\n0,1,0\n\n0.25,0.25,0.5\n")
    noisy = corrupt(vectors(n=9000, k=3), f'matrix:"{path}"')
    table = np.bincount(noisy.truth * 3 + noisy.given, minlength=9).reshape(3, 3)
    assert table[1, [0, 2]].sum() == 0
    for k in (0, 2):
        assert stats.chisquare(table[k], MATRIX[k] * table[k].sum()).pvalue > 1e-4


@pytest.mark.parametrize(
    "content, reason",
    [
        ("0.5,0.5\n0.5,0.5", r"has shape \(2, 2\), but 3 classes"),
        ("1,0,0\n0,1,0\n0,0.5,0.4", "row 2 of .* must sum to 1, but sums to 0.9"),
        ("1,0,0\n0,1.5,-0.5\n0,0,1", "-0.5 occurs"),
        ("1,0,0\n0,1,nan\n0,0,1", "nan occurs"),
        ("1,0,0\n0,1,inf\n0,0,1", "inf occurs"),
        ("a,b,c\n1,0,0", "does not hold a table of numbers"),
        ("1,0,0\n0,1\n0,0,1", "does not hold a table of numbers"),
        ("", "has shape"),
    ],
)
def test_invalid_transition_matrices_are_rejected(content, reason, vectors, tmp_path):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(BadInput, match=reason):
        corrupt(vectors(n=30, k=3), f"matrix:{tmp_path / 't.csv'}")


def test_invalid_matrix_files_are_rejected(vectors, tmp_path):
    (tmp_path / "t.npy").write_bytes(b"PK\x03\x04")
    for spec, reason in [
        (f"matrix:{tmp_path / 't.npy'}", r"it is not a \.npy file"),
        (f"matrix:{tmp_path / 'gone.npy'}", "cannot read .*No such file"),
        (f"matrix:{tmp_path}", "it is a folder"),
        ("matrix:3", "matrix: file=3 must be the path of a .npy or .csv file"),
    ]:
        with pytest.raises(BadInput, match=reason):
            corrupt(vectors(n=30, k=3), spec)


def test_rounding_in_the_file_is_forgiven(vectors, tmp_path):
    np.save(tmp_path / "t.npy", np.full((3, 3), 0.3333333))
    assert 0.5 < corrupt(vectors(k=3), f"matrix:{tmp_path / 't.npy'}").noise_rate < 0.8
