"""Reports to be written, and readers of the pages that are made of them."""

import functools
import math
import re
from html.parser import HTMLParser

from trainwise.toolkit.diagnosis.findings import Advice, Finding
from trainwise.toolkit.report import page as report

OVERFITTING = Finding(
    "overfitting",
    "warning",
    "The validation loss grows.",
    epoch=2,
    evidence={"best_val_loss": 0.4321},
    causes=("missing_regularization",),
    advice=(Advice("epochs", "set", 3),),
)


PLATEAU = Finding("plateau", "info", "The loss stays at 0.9.", epoch=2, layer="dense_7")


UNSCALED = Finding("unscaled_inputs", "error", "Inputs reach 16.", evidence={"largest": 16.0})


def member(index, epochs=5, findings=()):
    falling = [2.0 / (epoch + 1) for epoch in range(epochs)]
    return {
        "name": f"member_{index}",
        "seed": 100 + index,
        "parameters": 12345,
        "best_epoch": 3,
        "history": {"loss": falling, "val_loss": falling, "accuracy": falling, "val_accuracy": falling},
        "findings": [finding.as_dict() for finding in findings],
        "chosen_weight": 0.375,
        "validation": {"loss": 0.1357, "accuracy": 0.9753},
    }


def whole():
    vote = {"name": "soft vote", "value": 0.9785, "low": 0.9521, "high": 0.9911, "winner": True}
    best = {"name": "member_1 (best on validation)", "value": 0.9667, "low": 0.9381, "high": 0.9824, "winner": False}
    return {
        "title": "digits",
        "command": "trainwise demo --seed 7",
        "created": "2026-11-23T20:00:00+00:00",
        "seed": 7,
        "settings": {"members": 2, "learning_rate": 0.0015, "architecture": "small CNN"},
        "versions": {"python": "3.11.7", "keras": "3.15.1"},
        "data": {
            "name": "digits",
            "inputs": "images of 8 x 8 x 1",
            "rows": {"train": 1257, "validation": 271, "test": 269},
            "classes": ["zero", "one"],
            "fingerprint": "9f86d081884c7d65" * 4,
            "test_openings": [{"reason": "final evaluation", "time": "2026-11-23T19:59:00"}],
            "notes": ["3 constant columns were kept"],
        },
        "head": {"task": "multiclass", "units": 10, "metrics": ["accuracy"]},
        "checks": [],
        "members": [member(0), member(1)],
        "evaluation": {
            "metric": "accuracy",
            "higher_is_better": True,
            "interval": "95 % Wilson interval",
            "rows": 269,
            "results": [best, vote],
            "sentence": "The soft vote is not better than the best member.",
            "mends": 13,
            "breaks": 11,
        },
        "export": {
            "path": "models/digits/1",
            "max_difference": 1.25e-7,
            "tolerance": 1e-5,
            "rows": 32,
            "signatures": {
                "serving_default": {
                    "inputs": {"image": "float32 (?, 8, 8, 1)"},
                    "outputs": {"probabilities": "float32 (?, 10)"},
                }
            },
            "proof": ["It answered 32 rows twice: equal"],
        },
        "seconds": {"load": 1.25, "train": 20.5},
    }


def sick():
    ill = whole()
    ill["checks"] = [UNSCALED.as_dict()]
    ill["members"][1] = member(1, findings=[OVERFITTING, PLATEAU])
    return ill


def regression():
    found = whole()
    found["data"]["classes"] = None
    found["head"] = {"task": "regression", "metrics": ["mae"]}
    for one in found["members"]:
        one["history"] = {"loss": [300.0, 2.0, 0.5], "val_loss": [280.0, 2.5, math.nan], "mae": [9.0, 1.0, None]}
    found["evaluation"].update(metric="R2", mends=None, breaks=None)
    return found


def many():
    found = sick()
    found["members"] = [member(index, 30, [OVERFITTING, PLATEAU] * (index % 3)) for index in range(20)]
    return found


def searched(trials=25):
    found = whole()
    found["members"] = [member(0)]
    scores = [0.97 - 0.01 * place for place in range(trials)]
    found["search"] = {
        "objective": "val_accuracy",
        "higher_is_better": True,
        "best_trial": 7,
        "leaderboard": {
            "trial": [7, *(number for number in range(trials) if number != 7)],
            "val_accuracy": [*scores[:-1], math.nan],
            "activation": ["relu", "<b>tanh</b>"] * (trials // 2) + ["gelu"] * (trials % 2),
            "units": [None, *range(1, trials)],
            "spread": [None] * trials,
        },
        "hyperparameters": ["activation", "units"],
        "sentence": "Best: trial 7, val_accuracy 0.97 after epoch 2.",
        "facts": {"training rows": 1078, "learning rates": "1e-05 to 0.1"},
        "curves": {str(number): [0.5, 0.6 + 0.01 * number] for number in range(trials)},
        "epochs_saved": 0.63,
        "rank_correlation": None,
        "one_epoch_then_best_three": {"saved": 0.8, "regret": 0.0125},
        "importance": {"activation": 0.5},
        "device": "CPU (2 cores), precision float32",
        "notes": ["The space is exhausted."],
    }
    return found


MAKERS = [whole, sick, regression, many, searched]


@functools.cache
def page_of(make):
    return report.as_html(make())


class Page(HTMLParser):
    """Collects tags with their attributes, and the text outside style elements."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def numbers(values):
    """Every number below a value."""
    if isinstance(values, dict):
        return [number for value in values.values() for number in numbers(value)]
    if isinstance(values, list):
        return [number for value in values for number in numbers(value)]
    return [values] if isinstance(values, int | float) and not isinstance(values, bool) else []


def svgs(html):
    return re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL)
