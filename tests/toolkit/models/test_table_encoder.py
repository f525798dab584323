"""Raw columns into features, cell by cell beside pandas and scikit-learn, and the models that stand behind them."""

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from trainwise.toolkit import data
from trainwise.toolkit.data.columns import Column
from trainwise.toolkit.models.columns_in import model_inputs
from trainwise.toolkit.models.first import first_model
from trainwise.toolkit.models.table_encoder import Layout, TableEncoder
from trainwise.toolkit.tasks import head

WORDS = st.lists(st.sampled_from(["a", "b", "ç", "한", "", "d e"]), min_size=8, max_size=8)
NUMBERS = st.lists(st.sampled_from([0.0, 1.5, -3.0, 100.0, np.nan]), min_size=8, max_size=8)


@settings(max_examples=25, deadline=None)
@given(WORDS, NUMBERS)
def test_random_tables_are_encoded_cell_by_cell_as_pandas_would(words, numbers):
    columns = [Column("word", "category"), Column("number", "number")]
    x = {"word": np.array(words, dtype=object), "number": np.array(numbers, "float32")}
    found = TableEncoder(columns, x).encode(x)
    series = pd.Series(numbers, dtype="float64")
    filled = series.fillna(0.0 if series.isna().all() else series.median())
    scale = filled.std(ddof=0)
    np.testing.assert_allclose(found[:, 0], (filled - filled.mean()) / (scale if scale > 0 else 1), atol=1e-4)
    at = 1
    if series.isna().any():
        np.testing.assert_array_equal(found[:, 1], series.isna())
        at = 2
    counts = pd.Series(words).value_counts()
    common = sorted(counts[counts >= 2].index) or [min(words)]
    expected = [pd.Series(words).map(lambda word: word not in common)] + [pd.Series(words) == word for word in common]
    np.testing.assert_array_equal(found[:, at:], np.column_stack(expected))


def test_texts_weigh_as_those_of_scikit_learn_do():
    texts = np.array(["free prize call now", "see you at lunch", "free lunch", "call you now now"], dtype=object)
    found = TableEncoder([Column("t", "text")], {"t": texts}).encode({"t": texts})
    # Keras has another formula for rarity, so angles are compared and not numbers.
    theirs = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+").fit_transform(texts).toarray()
    mine = found / np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(mine @ mine.T, theirs @ theirs.T, atol=0.12)
    assert np.linalg.norm(found, axis=1) == pytest.approx(4.0, rel=1e-5)


def _many(rows=400):
    generator = np.random.default_rng(0)
    town = generator.integers(0, 40, rows)
    return pd.DataFrame(
        {
            "size (cm)": np.where(generator.random(rows) < 0.1, np.nan, generator.lognormal(3, 2, rows)),
            "size [cm]": generator.normal(size=rows),
            "self": generator.choice(["yes", "no"], rows),
            "class": generator.choice(["low", "medium", "high"], rows),
            "training": [f"town{i}" for i in town],
            "name": [f"the {i % 50} words of {i % 7} texts {i}" for i in range(rows)],
            "나이": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
            "지역": generator.choice(["부산", "서울"], rows),
            "a.b": generator.integers(1, 4, rows),
            "t": np.where(town % 2 == 1, "odd", "even"),
        }
    )


def test_a_model_of_any_columns_is_built_learns_and_answers_raw_rows_as_encoded_ones(tmp_path):
    splits = data.load(_many())
    kinds = [column.kind for column in splits.columns]
    assert kinds == ["number", "number", "boolean", "ordered", "category", "text", "date", "category", "number"]
    encoder = TableEncoder(splits.columns, splits.train.x)
    x = encoder.encode(splits.train.x)
    assert x.dtype == "float32" and x.shape[1] == encoder.layout.width and np.isfinite(x).all()
    assert 30 < encoder.layout.embeddings[0][0] <= 41
    keras.utils.set_random_seed(0)
    model = first_model(x, splits.train.y, head("binary", splits.train.y), 1e-2, encoder.layout)()
    model.fit(x, splits.train.y, epochs=15, verbose=0)
    # Only the towns tell the target, and no two of them hang together.
    assert np.mean((model.predict(x, verbose=0)[:, 0] > 0.5) == splits.train.y) > 0.95
    whole = encoder.before(model)
    held = splits.validation.x
    np.testing.assert_allclose(
        whole.predict(model_inputs(held), verbose=0), model.predict(encoder.encode(held), verbose=0), atol=1e-6
    )
    assert len(whole.inputs) == 9 and whole.output_names == ["probabilities"]
    whole.save(tmp_path / "whole.keras")
    again = keras.models.load_model(tmp_path / "whole.keras")
    np.testing.assert_allclose(
        again.predict(model_inputs(held), verbose=0), whole.predict(model_inputs(held), verbose=0), atol=1e-6
    )


def test_gaps_and_unknown_words_of_new_rows_are_answered():
    splits = data.load(_many())
    encoder = TableEncoder(splits.columns, splits.train.x)
    new = {
        name: np.array(["", "never seen"], dtype=object) if column.dtype == object else np.full(2, np.nan, "float32")
        for name, column in splits.train.x.items()
    }
    assert np.isfinite(encoder.encode(new)).all()


def test_a_table_of_numbers_stays_one_input_and_its_gaps_are_filled():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0] * 10, "b": np.arange(30.0) * 1.5, "t": ["x", "y", "x"] * 10})
    splits = data.load(frame)
    encoder = TableEncoder(splits.columns, splits.train.x)
    assert [tensor.name for tensor in encoder.model.inputs] == ["features"]
    assert encoder.layout == Layout(3)
    assert np.isfinite(encoder.encode(splits.validation.x)).all()


def test_numbers_are_cut_at_the_quantiles_that_pandas_finds_and_months_told_apart(rng):
    rows = 3_000
    x = {"size": rng.exponential(size=rows), "month": rng.integers(1, 13, rows).astype(float)}
    encoder = TableEncoder([Column("size", "number"), Column("month", "number")], x)
    found = encoder.encode(x)
    codes = pd.qcut(x["size"], 16, labels=False)
    first, end = encoder.layout.intervals
    assert end - first == 16 and encoder.layout.plain == 2 + 12 + 16
    # The last interval that has begun.
    np.testing.assert_array_equal((found[:, first:end] > 0).sum(axis=1).clip(1) - 1, codes)
    months = pd.get_dummies(x["month"]).to_numpy("float32")
    np.testing.assert_array_equal(found[:, 2:14], months)


def test_few_rows_and_many_columns_are_not_cut(rng):
    few = TableEncoder([Column("size", "number")], {"size": rng.normal(size=150)})
    assert few.layout.plain == 1
    columns = [Column(f"c{place}", "number") for place in range(3_000)]
    many = TableEncoder(columns, rng.normal(size=(4_000, 3_000)).astype("float32"))
    assert many.layout.plain == 3_000 and many.layout.intervals == (0, 0)


def test_texts_read_in_order_are_told_apart_by_it_alone():
    generator = np.random.default_rng(0)
    fillers = generator.choice(["well", "so", "now", "then"], (300, 4))
    first = generator.random(300) < 0.5
    # The same words: who bites stands before who is bitten.
    texts = np.array([
        " ".join([*filler[:2], "dog bites man" if dog else "man bites dog", *filler[2:]])
        for filler, dog in zip(fillers, first, strict=True)
    ], dtype=object)  # fmt: skip
    x, y = {"news": texts}, first.astype("float32")
    encoder = TableEncoder([Column("news", "text")], x, "sequence")
    features = encoder.encode(x)
    (size, steps), layout = encoder.layout.sequences[0], encoder.layout
    assert (size, steps) == (9, 7) and features.shape[1] == layout.width == layout.text + 7
    # The last are numbers of words by how common they are; 0 fills up, 1 is unknown.
    numbers = np.round(features[:, -steps:] * size).astype(int)
    assert len(np.unique(numbers[:, 2:5])) == 3 and numbers.min() >= 2
    assert TableEncoder([Column("news", "text")], x).layout.sequences == ()
    keras.utils.set_random_seed(0)
    # Without the terms, which hold pairs of neighbours, the order alone is left to learn from.
    features[:, : layout.text] = 0
    model = first_model(features, y, head("binary", y), 0.01, layout)()
    model.fit(features, y, epochs=8, verbose=0)
    assert np.mean((model.predict(features, verbose=0)[:, 0] > 0.5) == y) > 0.99
    raw = encoder.before(model)
    asked = {name: keras.ops.convert_to_tensor([["man bites dog"]]) for name in raw.input}
    given = encoder.encode({"news": np.array(["man bites dog"], dtype=object)})
    np.testing.assert_allclose(raw(asked, training=False), model.predict(given, verbose=0), atol=1e-6)
