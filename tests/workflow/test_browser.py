"""The page in a real browser: headless Chromium, where it is installed."""

import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infoflow.config.loading import read_default
from infoflow.plan import Plan
from infoflow.report.page import errata_of, page
from infoflow.verdicts import rule
from infoflow.verdicts.questions import Each

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in PATH (Debian: apt install chromium)"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CLAIMS = {"V-000-1": 3.0, "V-000-2": 0.0, "V-001-3": 2.0}


class Quiet(SimpleHTTPRequestHandler):
    """A server of one folder that says nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of a run of all documents with three verdicts, whose figures and notebooks are there, on a local server."""
    folder = tmp_path_factory.mktemp("results")
    plan = Plan(read_default())
    job = plan.report_settings()
    rows = {"huang2016": [], "yu2018": []}
    for name, fall in CLAIMS.items():
        claim = rule.Claim(name, "F3", f"It falls, says {name}", (Each("fall", "nats", above=1.0),))
        evidence = rule.Evidence(
            np.full(8, fall) + np.arange(8) / 50, np.zeros(8), "labels <shuffled>", stand_in=name == "V-001-3"
        )
        rows["yu2018" if name.startswith("V-001") else "huang2016"].append(
            rule.decide(claim, evidence, rehearsal=False)
        )
    ledger = rule.join([rule.ledger(document, made) for document, made in rows.items()])
    (folder / "index.html").write_text(
        page(job, ledger, errata_of(job.documents), {}, Path(plan.root)), encoding="utf-8"
    )
    for document, about in job.documents.items():
        for figure in about.figures:
            path = folder / f"figures/{document}/{figure}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), "grey").save(path.with_suffix(".png"))
            path.with_suffix(".svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"/>')
        for path in [f"notebooks/{document}.html", f"notebooks/{document}.ipynb", *map(str, about.tables.values())]:
            file = folder / Path(path).relative_to(plan.root) if path.startswith(plan.root) else folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    for name in ("docs/index.html", "docs/findings.html", "docs/which-estimator.html", "MANIFEST.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api")
    os.environ.setdefault("NODE_NO_WARNINGS", "1")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def opened(browser, address):
    """The page, and what the browser complained about."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    tab, faults = context.new_page(), []
    tab.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("request", lambda one: faults.append(one.url) if not one.url.startswith((address, "data:")) else None)
    tab.goto(f"{address}/index.html")
    yield tab, faults
    context.close()


def shown(tab):
    return tab.locator(".verdict:visible .id").all_inner_texts()


def test_the_page_loads_without_a_complaint_and_every_image_shows(opened):
    tab, faults = opened
    tab.evaluate("document.querySelectorAll('img[loading]').forEach(i => i.loading = 'eager')")
    tab.wait_for_function("[...document.querySelectorAll('figure img')].every(i => i.complete && i.naturalWidth > 0)")
    assert faults == []


def test_every_link_leads_somewhere(opened, address):
    tab, _ = opened
    links = set(tab.eval_on_selector_all("a[href]", "links => links.map(a => a.getAttribute('href'))"))
    for link in links:
        if link.startswith("#"):
            assert tab.locator(f"[id='{link[1:]}']").count() == 1, link
        else:
            assert tab.request.get(f"{address}/{link}").ok, link


def test_filters_filter(opened):
    tab, _ = opened
    assert shown(tab) == list(CLAIMS)
    tab.locator("input[name=text]").fill("V-000-2")
    assert shown(tab) == ["V-000-2"]
    tab.locator("input[name=text]").fill("")
    tab.locator("input[name=outcome][value=fails]").uncheck(force=True)
    assert shown(tab) == ["V-000-1", "V-001-3"]
    tab.locator("select[name=data]").select_option("real")
    assert shown(tab) == ["V-000-1"]
    tab.locator("select[name=data]").select_option("")
    tab.locator("select[name=document]").select_option("yu2018")
    assert shown(tab) == ["V-001-3"]
    assert not tab.locator("#huang2016").is_visible()
    assert "1 of 3 verdicts" in tab.locator("output").inner_text()


def test_a_verdict_opens_by_keyboard_and_a_figure_at_its_full_size(opened):
    tab, _ = opened
    tab.locator(".verdict > summary").first.focus()
    tab.keyboard.press("Enter")
    assert "labels <shuffled>" in tab.locator(".verdict[open]").inner_text()
    tab.locator(".enlarge").first.click()
    assert tab.locator("#viewer").is_visible()
    assert tab.locator("#viewer img").get_attribute("src").endswith(".svg")
    tab.keyboard.press("Escape")
    assert not tab.locator("#viewer").is_visible()


@pytest.mark.parametrize("width", [390, 800, 1400])
def test_no_part_of_the_page_is_wider_than_the_window(opened, width):
    tab, _ = opened
    tab.set_viewport_size({"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_has_a_name(opened):
    """What axe would ask first: images have alternative texts, controls have labels, headings do not skip, identifiers are single."""
    tab, _ = opened
    assert tab.eval_on_selector_all("figure img", "all => all.filter(i => i.alt.length < 15).length") == 0
    assert tab.eval_on_selector_all("input, select", "all => all.filter(i => !i.labels.length).length") == 0
    assert tab.eval_on_selector_all("svg", "all => all.filter(i => !i.getAttribute('aria-label')).length") == 0
    levels = tab.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(later <= before + 1 for before, later in zip(levels, levels[1:], strict=False))
    ids = tab.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert tab.locator("html[lang=en]").count() == 1
