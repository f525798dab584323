"""Settings of members."""

from architectures import CLASSES, LABELS, TABLE, mlp

import trainwise as tw


def test_size_alone_gives_members_of_different_seeds_and_a_comparison_one_start():
    several = tw.fit_population(mlp, TABLE, LABELS, size=3, loss=CLASSES, verbose=0)
    assert several.settings.seeds == (0, 1, 2)
    compared = tw.fit_population(mlp, TABLE, LABELS, learning_rate=[0.1, 0.2], loss=CLASSES, verbose=0)
    assert compared.settings.seeds == (0, 0)
