"""Batch size and rate of a first model, by the number of rows."""

import pytest

from trainwise.toolkit.models.first_sizes import fitting_batch_size, fitting_rate


@pytest.mark.parametrize("rows", [1, 60, 102, 1_023, 37_758, 10**9])
def test_an_epoch_has_about_sixty_updates_within_the_bounds_of_a_batch(rows):
    size = fitting_batch_size(rows)
    assert size in (8, 16, 32, 64, 128, 256, 512)
    if 8 < size < 512:
        assert 60 / 2**0.5 <= rows / size <= 60 * 2**0.5
    assert fitting_batch_size(rows, images=True) == max(32, size)


@pytest.mark.parametrize("updates", [1, 99, 100, 250, 1_000, 10**7])
def test_the_rate_lets_weights_move_by_one_within_its_bounds(updates):
    rate = fitting_rate(updates)
    assert 1e-3 <= rate <= 1e-2
    assert rate * updates == pytest.approx(1) or rate in (1e-3, 1e-2)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="`rows` must be at least 1, got 0"):
        fitting_batch_size(0)
    with pytest.raises(ValueError, match="`updates` must be at least 1, got 0"):
        fitting_rate(0)
