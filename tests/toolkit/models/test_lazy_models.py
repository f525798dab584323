"""Models that are made when they are asked for."""

import pytest

from trainwise.toolkit.models.lazy_models import LazyModels


def test_each_model_is_made_once_and_only_when_it_is_asked_for():
    made = []

    def make(k):
        made.append(k)
        return f"model {k}"

    models = LazyModels([lambda k=k: make(k) for k in range(4)])
    assert len(models) == 4
    assert made == []
    assert models[-1] == models[3] == "model 3"
    assert made == [3]
    assert models[1:3] == ["model 1", "model 2"]
    assert list(models) == [f"model {k}" for k in range(4)]
    assert sorted(made) == [0, 1, 2, 3]


@pytest.mark.parametrize("place", [2, -3])
def test_a_place_beyond_the_last_is_an_error_that_says_how_many_there_are(place):
    with pytest.raises(IndexError, match=f"There are snapshots 0 to 1, got {place}"):
        LazyModels([object, object], "snapshots")[place]
    with pytest.raises(IndexError, match=f"There are no models, got {place}"):
        LazyModels([])[place]
