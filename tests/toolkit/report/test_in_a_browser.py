"""Pages opened in headless Chromium: no request, no word on the console, no overlap, nothing that axe-core finds."""

import shutil

import numpy as np
import pytest
from reports import Page, many, searched, sick

from trainwise.toolkit.report import page as report
from trainwise.toolkit.report.answers import AnsweredRows, answers_part
from trainwise.toolkit.report.side_by_side import as_page, run_row

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
    # Of the browser's driver: it leaves a loop to the end of the process.
    pytest.mark.filterwarnings("ignore"),
]
HOSTILE = (
    "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\"> 한글 עברית \"q\" " + "w" * 60
)
# Two texts that share more than the edge of their letters; what scrolls inside a box is cut by it.
OVERLAPS = """() => {
  const shown = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, parent = text.parentElement;
    if (!text.data.trim() || !parent.checkVisibility() || parent.closest('svg, .scroll, style')) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects())
      if (box.width > 1 && box.height > 1) shown.push([box, text.data.trim().slice(0, 40)]);
  }
  const found = [];
  shown.sort((a, b) => a[0].top - b[0].top);
  for (let i = 0; i < shown.length; i++)
    for (let k = i + 1; k < shown.length && shown[k][0].top < shown[i][0].bottom - 6; k++) {
      const a = shown[i][0], b = shown[k][0];
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2) found.push([shown[i][1], shown[k][1]]);
    }
  if (document.documentElement.scrollWidth > innerWidth) found.push(['wider than the window', String(innerWidth)]);
  return found;
}"""


def _with_answers():
    """A page with every section, its names in many scripts and hostile."""
    found = sick()
    found["title"], found["data"]["classes"] = HOSTILE, ["no", HOSTILE]
    rng = np.random.default_rng(0)
    values, y = rng.random(60), rng.integers(0, 2, 60)
    rows = AnsweredRows(values, y, {HOSTILE: np.array([HOSTILE] * 60, dtype=object), "age": np.arange(60.0)})
    found["answers"] = answers_part("binary", rows, rows)
    found["inputs"] = {
        "columns": [
            {"name": HOSTILE, "kind": "category", "missing": 0.25, "used": True, "range": None,
             "most": {"word": HOSTILE, "share": 0.5, "different": 3}},
            {"name": "age", "kind": "number", "missing": 0.0, "used": True, "range": [18.0, 90.0], "most": None},
        ],
        "left_out": 3,
        "importance": [{"name": HOSTILE, "loss": 0.125, "spread": 0.01}, {"name": "age", "loss": 0.0, "spread": 0.0}],
    }  # fmt: skip
    found["members"][0]["layers"] = {
        "names": ["hidden_0", "probabilities"], "steps": [1, 9], "epochs": [0, 2],
        "gradient": [[0.05, 0.04], [0.5, 0.1]], "update": [[None, 0.001], [None, 0.01]],
    }  # fmt: skip
    return found


def _quantities():
    found = many()
    rows = AnsweredRows(np.linspace(0, 1, 80), np.linspace(0, 1, 80) ** 2, {"size": np.arange(80.0)})
    found["answers"] = answers_part("regression", rows, rows)
    return found


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    report.write(sick(), folder / "run")
    made = {
        "answers": report.as_html(_with_answers()),
        "answers in Korean": report.as_html(_with_answers(), "ko"),
        "quantities": report.as_html(_quantities()),
        "search": report.as_html(searched()),
        "side by side": as_page([run_row(folder / "run")] * 3),
    }
    for name, html in made.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["answers", "answers in Korean", "quantities", "search", "side by side"])
def test_a_page_asks_for_nothing_overlaps_nowhere_and_is_found_without_fault(name, scheme, pages, browser):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((pages / f"{name}.html").as_uri())
    for width in (400, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(OVERLAPS) == [], width
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert page.evaluate(OVERLAPS) == [], width
    found = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]] == []
    # Images of the data stand in the page itself.
    assert [url for url in asked if not url.startswith("data:")] == [(pages / f"{name}.html").as_uri()]
    assert said == []
    assert page.title() != "run"
    context.close()


def test_axe_core_finds_a_fault_where_there_is_one(browser):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page()
    page.set_content("<html><body><img src='data:,'></body></html>")
    assert {"image-alt", "html-has-lang"} <= {one["id"] for one in Axe().run(page).response["violations"]}
    page.set_content("<p>one</p><p style='margin-top: -30px'>two</p>")
    assert page.evaluate(OVERLAPS) == [["one", "two"]]
    page.close()


def test_everything_can_be_reached_by_the_keyboard_and_is_seen_there(pages, browser):
    page = browser.new_page()
    page.goto((pages / "answers.html").as_uri())
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or page.evaluate("document.activeElement === document.body")
    # Links to findings, code to be copied, parts that are folded.
    assert {"A", "PRE", "SUMMARY"} <= reached
    page.close()


def test_fifty_members_of_a_thousand_epochs_are_a_page_of_two_megabytes_at_most():
    rng = np.random.default_rng(0)
    found = sick()
    found["members"] = []
    for k in range(50):
        curves = np.exp(-np.arange(1000) / 200) + rng.normal(0, 0.02, (4, 1000)) + 0.1
        history = dict(zip(("loss", "val_loss", "accuracy", "val_accuracy"), curves.tolist(), strict=True))
        found["members"].append({"name": f"member_{k}", "seed": k, "best_epoch": 900, "history": history})
    html = report.as_html(found)
    assert len(html.encode()) <= 2_000_000
    assert Page(html).text.count("drawn and kept") == 50
