"""Which rows train, validate and test: by group and by time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwise.toolkit import data
from trainwise.toolkit.data.partition import Shares, places


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=3, max_size=80).filter(lambda one: len(set(one)) >= 3), st.integers(0, 5))
def test_no_group_is_in_two_splits_and_each_split_has_one(groups, seed):
    names = np.array([f"g{one}" for one in groups], dtype=object)
    found, _ = places(len(names), None, {}, Shares(), seed, group=names)
    sets = [set(names[found[part]]) for part in ("train", "validation", "test")]
    assert all(sets) and sum(map(len, sets)) == len(set(groups))
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(groups)))


def test_groups_of_like_size_come_near_the_shares():
    found, _ = places(
        2000, None, {}, Shares(0.15, 0.15), 0, group=np.array([f"g{i % 100}" for i in range(2000)], dtype=object)
    )
    assert len(found["test"]) == len(found["validation"]) == 300


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=3, max_size=80).filter(lambda one: len(set(one)) >= 3))
def test_later_splits_are_later_and_no_moment_is_parted(times):
    time = np.array(times, float)
    found, _ = places(len(time), None, {}, Shares(), 0, time=time)
    assert time[found["train"]].max() < time[found["validation"]].min()
    assert time[found["validation"]].max() < time[found["test"]].min()
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(times)))


def _frame(rows=120):
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "patient": [f"p{i % 12}" for i in range(rows)],
            "day": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
            "size": generator.normal(size=rows),
            "kind": generator.choice(["x", "y"], rows),
        }
    )


def test_load_parts_by_group_and_leaves_the_group_out():
    splits = data.load(_frame(), group="patient")
    assert splits.features == ("day", "size")
    assert "No group is in two splits." in splits.notes
    assert [column.used for column in splits.columns] == [False, True, True]


def test_load_parts_by_time():
    splits = data.load(_frame(), time="day")
    test = splits.test.open("compare")
    assert (
        max(splits.train.x["day"])
        < min(splits.validation.x["day"])
        <= max(splits.validation.x["day"])
        < min(test.x["day"])
    )


def test_groups_and_times_that_cannot_part_are_refused():
    frame = _frame()
    with pytest.raises(ValueError, match="`group` and `time` part the rows in two ways"):
        data.load(frame, group="patient", time="day")
    with pytest.raises(ValueError, match="There are 2 groups"):
        data.load(frame.assign(patient=["a", "b"] * 60), group="patient")
    with pytest.raises(ValueError, match="cannot order the rows by time: it is category"):
        data.load(frame, time="patient")
    with pytest.raises(ValueError, match="row 1 has no value"):
        data.load(frame.assign(day=[None, *frame["day"][1:]]), time="day")
    with pytest.raises(ValueError, match="'kind' cannot be the target and the group"):
        data.load(frame, group="kind")
    late = frame.assign(kind=["x"] * 100 + ["y"] * 20)
    with pytest.raises(ValueError, match="training rows have no row of class 'y'"):
        data.load(late, time="day")
    early = frame.assign(kind=["x", "y"] * 30 + ["x"] * 60)
    assert "The test rows have no row of 'y'." in data.load(early, time="day").notes
