"""Statistics of batch normalisation measured anew."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import classifier, three_classes

from trainwise.toolkit.models.batch_norm import recalibrate


def test_recalibration_means_over_uneven_batches_and_leaves_dropout_as_it_was():
    (x, _), model = three_classes(90), classifier(norm=True, dropout=0.5)
    recalibrate(model, x, batch_size=40)
    hidden = keras.Model(model.inputs, model.layers[0].output).predict(x, verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(model.layers[1].moving_mean), hidden.mean(axis=0), atol=1e-5)
    assert model.layers[2].rate == 0.5
    with pytest.raises(ValueError, match="got none"):
        recalibrate(model, x[:0])
