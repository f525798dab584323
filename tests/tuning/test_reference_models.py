"""A constant, a linear model and gradient boosting on the same splits, beside scikit-learn's own pipelines."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from trainwise.toolkit import data
from trainwise.toolkit.data import Split
from trainwise.toolkit.ensembles.evaluation import Answers
from trainwise.toolkit.models.table_encoder import Layout, TableEncoder
from trainwise.tuning.reference_models import compared, fit_references


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    town, size = generator.integers(0, 30, 900), generator.normal(size=900)
    chance = 1 / (1 + np.exp(-(size + (town % 2) * 3 - 1.5)))
    kind = np.where(generator.random(900) < chance, "yes", "no")
    frame = pd.DataFrame({"size": size, "town": [f"t{one}" for one in town], "kind": kind})
    splits = data.load(frame)
    encoder = TableEncoder(splits.columns, splits.train.x)
    return splits, encoder, fit_references(
        splits.train, encoder.encode(splits.train.x), "binary", splits.columns, encoder.layout
    )  # fmt: skip


def test_they_answer_as_scikit_learns_pipelines_of_the_same_columns_do(table):
    splits, encoder, references = table
    train, held = splits.train, splits.validation
    frames = [pd.DataFrame({"size": part.x["size"], "town": part.x["town"]}) for part in (train, held)]
    linear = make_pipeline(
        make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["town"])),
        LogisticRegression(max_iter=200),
    ).fit(frames[0], train.y)
    codes = [frame.assign(town=frame["town"].str[1:].astype(int)) for frame in frames]
    boosting = HistGradientBoostingClassifier(categorical_features=[1], random_state=0).fit(codes[0], train.y)
    x = encoder.encode(held.x)
    np.testing.assert_allclose(references[1].predict(held.x, x), linear.predict_proba(frames[1])[:, 1], atol=0.01)
    np.testing.assert_allclose(references[2].predict(held.x, x), boosting.predict_proba(codes[1])[:, 1], atol=0.01)
    np.testing.assert_allclose(references[0].predict(held.x, x), train.y.mean(), rtol=1e-6)
    assert [one.note for one in references] == ["", "", ""]


def test_a_network_that_is_worse_is_said_to_be(table):
    splits, encoder, references = table
    held = splits.validation
    x = encoder.encode(held.x)
    told = compared(references, held, x, "binary", Answers("vote", 1.0 - held.y))
    assert "The network is not better than the" in told["sentence"] and "serves as well" in told["sentence"]
    assert told["metric"] == "accuracy" and len(told["results"]) == 3
    right = compared(references, held, x, "binary", Answers("vote", held.y.astype(float)))
    assert "The network is better than the" in right["sentence"]


def test_quantities_classes_and_labels_have_their_marks(rng):
    x = rng.normal(size=(200, 3)).astype("float32")
    y = (x @ [1.0, 2.0, -1.0]).astype("float32")
    references = fit_references(Split(x, y), x, "regression")
    scaled = StandardScaler().fit_transform(x.astype("float64"))
    np.testing.assert_allclose(references[1].predict(x, x), Ridge(1.0).fit(scaled, y).predict(scaled), rtol=1e-5)
    told = compared(references, Split(x, y), x, "regression", Answers("vote", np.zeros(200)))
    assert told["results"][1]["value"] == pytest.approx(r2_score(y, references[1].predict(x, x)), abs=1e-6)
    assert told["results"][0]["value"] == pytest.approx(0, abs=1e-6)
    classes = Split(x, np.arange(200) % 3)
    assert [one.predict(x, x).shape for one in fit_references(classes, x, "multiclass")] == [(200, 3)] * 3
    labels = Split(x, (x > 0).astype("float32"))
    assert [one.name for one in fit_references(labels, x, "multilabel")] == ["constant", "linear model"]
    images = rng.random((60, 4, 4, 1)).astype("float32")
    assert len(fit_references(Split(images, np.arange(60) % 2), images, "binary")) == 3


def test_dates_texts_and_gaps_are_taken(rng):
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=150).strftime("%Y-%m-%d"),
            "said": [f"word{i % 7} of a text {i}" for i in range(150)],
            "size": np.where(rng.random(150) < 0.2, np.nan, 1.0 * np.arange(150)),
            "y": np.arange(150) * 2.5,
        }
    )
    splits = data.load(frame)
    encoder = TableEncoder(splits.columns, splits.train.x)
    train, held = splits.train, splits.validation
    references = fit_references(train, encoder.encode(train.x), "regression", splits.columns, encoder.layout)
    x = encoder.encode(held.x)
    assert r2_score(held.y, references[2].predict(held.x, x)) > 0.9
    assert r2_score(held.y, references[1].predict(held.x, x)) > 0.9


def test_of_very_many_values_a_part_of_the_rows_is_taken_and_said(rng):
    x = rng.normal(size=(1500, 1)).astype("float32")
    wide = np.broadcast_to(x, (1500, 25_000))
    references = fit_references(Split(x, (x[:, 0] > 0).astype(int)), wide, "binary")
    assert references[1].note == "fitted to 1,000 of 1,500 training rows"


def test_of_terms_only_those_that_occur_count_so_that_all_rows_are_learnt_from(rng, monkeypatch):
    monkeypatch.setattr("trainwise.tuning.reference_models._MOST_VALUES", 10_000)
    terms = np.where(rng.random((1500, 100)) < 0.04, 1, 0).astype("float32")
    y = (terms[:, :20].sum(axis=1) > terms[:, 20:40].sum(axis=1)).astype(int)
    raw = Split({"said": np.full(1500, "", dtype=object)}, y)
    _, linear, boosting = fit_references(raw, terms, "binary", layout=Layout(0, 100))
    assert (linear.note, boosting.note) == ("", "fitted to 1,000 of 1,500 training rows")
    oracle = LogisticRegression(max_iter=200).fit(terms.astype("float64"), y)
    np.testing.assert_allclose(linear.predict(raw.x, terms), oracle.predict_proba(terms)[:, 1], atol=0.01)
