"""MixMatch: the pieces that DivideMix, PES and ProMix share."""

import pytest
import torch
from torch.testing import assert_close

from noisewise.methods.semi_supervised.mixmatch import Views, mix_rows, mixmatch, ramp, semi_supervised_loss, sharpen

from ..golden import batch, hot

LABELS = torch.tensor([0, 1, 2])


def test_sharpen_halves_temperature_by_squaring():
    assert_close(sharpen(torch.tensor([[0.6, 0.4]]), 0.5), torch.tensor([[0.36, 0.16]]) / 0.52)


@pytest.mark.parametrize("epoch, expected", [(0, 0.0), (10, 0.0), (14, 0.25), (26, 1.0), (99, 1.0)])
def test_ramp(epoch, expected):
    assert ramp(epoch, 10) == expected


def test_ramp_of_length_zero_takes_one_epoch():
    assert [ramp(epoch, 0, 0) for epoch in (0, 1)] == [0.0, 1.0]


def test_mixtures_stay_closer_to_their_own_row():
    x = torch.eye(6)
    mixed, targets = mix_rows(x, x, 0.2, torch.Generator().manual_seed(0))
    assert_close(mixed, targets)
    assert (mixed.diagonal() >= 0.5).all()


def test_weights_make_one_mean_the_sum_of_the_means_of_the_parts():
    given = batch(torch.zeros(3, 2), LABELS, 3)
    labelled = Views([given.x, given.x], given.y)
    unlabelled = Views([torch.ones(5, 2)], hot(torch.zeros(5, dtype=torch.int64), 3))
    found = mixmatch(given, labelled, unlabelled, 4.0, 0.3, torch.Generator())
    values, part = torch.rand(11, dtype=found.w.dtype), found.info["labelled"]
    assert (len(found), int(part.sum()), found.index) == (11, 6, None)
    assert_close((found.w * values).mean(), values[part].mean() + 0.3 * values[~part].mean())


def test_without_unlabelled_rows_all_weights_are_one():
    given = batch(torch.zeros(3, 2), LABELS, 3)
    found = mixmatch(given, Views([given.x], given.y), None, 4.0, 0.3, torch.Generator())
    assert_close(found.w, torch.ones_like(found.w))


def test_loss_of_a_batch_that_was_not_mixed_is_the_supervised_one():
    losses = torch.rand(1, 3)
    assert semi_supervised_loss(batch(torch.zeros(3, 2), LABELS, 3), losses) is losses
