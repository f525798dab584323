"""Members of an ensemble, trained side by side: each as alone, and resumable."""

from dataclasses import astuple

import keras
import numpy as np
import pytest

from trainwise.toolkit.data import Split, load
from trainwise.toolkit.data.disk_rows import DiskRows
from trainwise.toolkit.models.first import first_model
from trainwise.toolkit.tasks import head
from trainwise.tuning.ensemble_training import Batches, Plan, train_members

SEEDS = [3, 4, 5]
# Rows of its own: a part of them is sealed while they are split, and no other test may stumble over that.
SUMS = np.random.default_rng(770).normal(size=(48, 3)).astype("float32")
POSITIVE = (SUMS.sum(axis=1) > 0).astype("float32")


def _splits():
    return load((SUMS, POSITIVE), task="binary", validation=0.3, test=0.1)


def _build():
    train = _splits().train
    return first_model(train.x, train.y, head("binary", POSITIVE), 0.01)


def _trained(directory, epochs=12, patience=3, **changes):
    plan = Plan(SEEDS, epochs, patience, batch_size=8)
    arguments = {"report": lambda name, finding: None, **changes}
    return train_members(_build(), _splits(), plan, directory, **arguments)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    return _trained(tmp_path_factory.mktemp("members"))


def test_the_order_of_batches_depends_on_seed_and_epoch_alone():
    batches = Batches(Split(SUMS, POSITIVE), 20, seed=1)
    assert [len(batches[i][0]) for i in range(len(batches))] == [20, 20, 8]
    first = batches[0][0]
    batches.on_epoch_end()
    batches.on_epoch_begin()
    np.testing.assert_array_equal(first, batches[0][0])
    batches.on_epoch_begin()
    assert not np.array_equal(first, batches[0][0])
    np.testing.assert_array_equal(batches[0][0], Batches(Split(SUMS, POSITIVE), 20, seed=1, epoch=1)[0][0])
    seen = np.concatenate([batches[i][0] for i in range(len(batches))])
    np.testing.assert_array_equal(np.sort(seen, axis=0), np.sort(SUMS, axis=0))


@pytest.mark.parametrize("k", range(3))
def test_a_member_ends_as_a_model_that_keras_trains_alone_on_the_same_batches(members, k):
    splits = _splits()
    keras.utils.set_random_seed(SEEDS[k])
    alone = _build()()
    stopper = keras.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    history = alone.fit(
        Batches(splits.train, 8, SEEDS[0]), epochs=12, shuffle=False, verbose=0, callbacks=[stopper],
        validation_data=(splits.validation.x, splits.validation.y),
    )  # fmt: skip
    assert members[k].seed == SEEDS[k] and members[k].best_epoch == int(np.argmin(history.history["val_loss"]))
    for name, values in history.history.items():
        np.testing.assert_allclose(members[k].history[name], values, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(members[k].model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


class _Stop(keras.callbacks.Callback):
    """Ends the process' work as an interruption does, after an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("late", [False, True])
def test_members_that_were_interrupted_end_as_if_nothing_had_happened(members, tmp_path, late):
    lengths = [len(member.history["loss"]) for member in members]
    # The second time some members have stopped already, and others go on.
    assert min(lengths) < max(lengths)
    epoch = max(lengths) - 1 if late else 2
    with pytest.raises(KeyboardInterrupt):
        _trained(tmp_path, progress=_Stop(epoch))
    # The second time everything is there already.
    for _ in range(2):
        resumed = _trained(tmp_path)
        for one, other in zip(resumed, members, strict=True):
            assert one.history == other.history and one.best_epoch == other.best_epoch
            assert one.findings == other.findings
            for ours, theirs in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_members_that_do_not_fit_into_memory_at_once_end_alike(members, tmp_path, monkeypatch):
    monkeypatch.setattr("trainwise.toolkit.population.memory.free_memory", lambda: 1)
    for one, other in zip(_trained(tmp_path), members, strict=True):
        np.testing.assert_allclose(one.history["val_loss"], other.history["val_loss"], rtol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["members-0-1", "members-1-1", "members-2-1"]


def test_the_layers_of_each_member_are_looked_at(tmp_path):
    def build():
        model = keras.Sequential([
            keras.Input((3,)), keras.layers.Dense(4, "relu", kernel_initializer="ones", name="hidden"),
            keras.layers.Dense(1, "sigmoid", kernel_initializer="ones"),
        ])  # fmt: skip
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model

    told = []
    plan = Plan([0, 1], 3, 3, batch_size=8)
    found = train_members(build, _splits(), plan, tmp_path, lambda name, finding: told.append((name, finding.symptom)))
    for member in found:
        symptoms = {finding.symptom for finding in member.findings}
        assert "symmetric_weights" in symptoms and {(member.name, one) for one in symptoms} <= set(told)
        assert {finding.layer for finding in member.findings if finding.symptom == "symmetric_weights"} == {"hidden"}


def test_looks_within_whole_epochs_see_what_looks_after_each_batch_see(members, tmp_path, monkeypatch):
    monkeypatch.setattr("trainwise.tuning.ensemble_training._resident", lambda *rows: None)
    for one, other in zip(_trained(tmp_path), members, strict=True):
        assert one.findings == other.findings
        assert [look.step for look in one.probes] == [look.step for look in other.probes]
        for ours, theirs in zip(one.probes, other.probes, strict=True):
            for a, b in zip(ours.layers, theirs.layers, strict=True):
                assert a.name == b.name
                values = [(x, y) for x, y in zip(astuple(a), astuple(b), strict=True) if isinstance(x, float)]
                np.testing.assert_allclose(*np.transpose(values), rtol=1e-3, atol=1e-6)


def test_the_updates_of_a_fit_are_those_of_all_rows_on_disk_and_not_of_the_held_ones():
    held = Split(np.zeros((20, 1)), np.zeros(20))
    on_disk = DiskRows(1)
    on_disk.add(np.zeros((95, 1)), np.zeros(95))
    assert Plan([0], epochs=3, patience=1, batch_size=10).updates(held) == 3 * 2
    assert Plan([0], epochs=3, patience=1, batch_size=10, on_disk=on_disk).updates(held) == 3 * 10
