"""The version stands in setup.cfg; what repeats it says the same."""

import configparser
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import trainwise as tw

CHECKOUT = Path(__file__).parents[1]


def _version():
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    return config["metadata"]["version"]


def _releases():
    """Versions and dates of the changelog, newest first."""
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})$", text, re.MULTILINE)


def test_the_installed_package_is_of_the_version_in_setup_cfg():
    assert tw.__version__ == importlib.metadata.version("trainwise") == _version()


def test_the_version_is_read_only_when_it_is_asked_for():
    code = "import sys, trainwise; print('importlib.metadata' in sys.modules); trainwise.__version__"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "False\n"


def test_changelog_and_citation_name_the_version_and_its_day():
    releases = _releases()
    assert len(releases) >= 1
    assert releases[0][0] == _version()
    assert [day for _, day in releases] == sorted((day for _, day in releases), reverse=True)
    citation = (CHECKOUT / "CITATION.cff").read_text(encoding="utf-8")
    found = dict(re.findall(r'^(version|date-released|license): "?([^"\n]+)"?$', citation, re.MULTILINE))
    assert found == {"version": _version(), "date-released": releases[0][1], "license": "Apache-2.0"}


def test_every_section_of_the_changelog_is_a_release_or_the_unreleased():
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Unreleased", *(f"{version} - {day}" for version, day in _releases())]
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds and kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_no_source_repeats_the_version():
    sources = [CHECKOUT / "__init__.py", CHECKOUT / "__main__.py"]
    for folder in ("toolkit", "callbacks", "command_line", "tuning"):
        sources += (CHECKOUT / folder).rglob("*.py")
    assert len(sources) >= 150
    assert [path for path in sources if f'"{_version()}"' in path.read_text(encoding="utf-8")] == []
