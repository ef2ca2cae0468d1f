"""The pages that people open, in a real browser: light and dark, on a desk and on a phone, whole and cut short."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support import looks

from adversaria.report import pages
from adversaria.sweeps import page, summary

pytestmark = pytest.mark.xdist_group("looks")  # the pages are made once
NAMES = ("report", "comparison", "index", "sweep")


@pytest.fixture(scope="module")
def written(tiny_run: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of each kind."""
    root = tmp_path_factory.mktemp("looks")
    leave = shutil.ignore_patterns("*.ckpt", "tensorboard")
    finished, failed = (shutil.copytree(tiny_run[0], root / "runs" / name, ignore=leave) for name in "ab")
    (failed / "metrics.json").unlink()
    (failed / "failure.json").write_text(json.dumps({"error": f"DataError: {80 * 'x'} is not there"}), encoding="utf-8")
    files = {
        "report": pages.write([finished], root / "report.html")[0],
        "comparison": pages.write([finished, failed], root / "comparison.html")[0],
        "index": pages.write([root / "runs"], root / "index.html")[0],
    }
    sweep = root / "sweep"
    for rate in ("0.001", "0.003"):
        for weight, error in (("1e-05", 0.25), ("0.0001", float(rate) * 100)):
            folder = sweep / f"lambda_kl={weight},lr={rate}"
            (folder / "figures").mkdir(parents=True)
            Image.new("RGB", (64, 64), "navy").save(folder / "figures" / "samples_0000001.png")
            overrides = ["model=vae", f"model.lambda_kl={weight}", f"model.optimizer.lr={rate}"]
            (folder / "invocation.json").write_text(json.dumps([{"overrides": overrides}]), encoding="utf-8")
            (folder / "config.yaml").write_text("objective: test/mse\n", encoding="utf-8")
            metrics = {"metrics": {"test/mse": error, "test/kld": 1 / error}}
            (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return {**files, "sweep": page.write(sweep, summary.read(sweep))}


@pytest.mark.parametrize("width", [1300, looks.PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_is_readable_and_complains_of_nothing(
    name: str, scheme: str, width: int, browser: Any, written: dict[str, Path]
) -> None:
    browser.get_log("browser")
    looks.show_as(browser, scheme, width)
    try:
        browser.get(written[name].as_uri())
        assert looks.faults(browser) == {}
        assert not browser.find_element("css selector", "#cut").is_displayed()
    finally:
        looks.show_as_usual(browser)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_needs_no_network_and_no_other_file(name: str, browser: Any, written: dict[str, Path]) -> None:
    browser.get_log("performance")
    browser.get(written[name].as_uri())
    log = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"]
    assert {url for url in asked if not url.startswith("data:")} == {written[name].as_uri()}


@pytest.mark.parametrize("part", [0.6, 0.95])
def test_a_page_that_is_cut_short_says_so(part: float, browser: Any, written: dict[str, Path], tmp_path: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    text = written["report"].read_text(encoding="utf-8")
    (tmp_path / "cut.html").write_text(text[: int(part * len(text))], encoding="utf-8")
    browser.get((tmp_path / "cut.html").as_uri())
    sentence = browser.find_element("css selector", "#cut")
    WebDriverWait(browser, 10).until(lambda _: sentence.is_displayed())  # not at once: see its style
    assert sentence.text.startswith("This page is not whole")


def test_paper_has_the_jobs_of_a_sweep_without_links(browser: Any, written: dict[str, Path]) -> None:
    browser.get(written["sweep"].as_uri())
    assert browser.find_element("css selector", "#settings td.links").is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not browser.find_element("css selector", "#settings td.links").is_displayed()
    finally:
        looks.show_as_usual(browser)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<p style='width:500px'>wide</p>", "too wide"),
        ("<p style='color:#999'>faint</p>", "faint"),
        ("<img src='data:image/png;base64,AAAA' alt='broken'>", "pictures"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "uneven rows"),
        ("<script>undefined.x</script>", "console"),
    ],
)
def test_each_fault_is_found(body: str, kind: str, browser: Any, tmp_path: Path) -> None:
    browser.get_log("browser")
    head = "<meta name=viewport content='width=device-width, initial-scale=1'><title>t</title>"
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html>{head}<body>{body}</body>", encoding="utf-8")
    looks.show_as(browser, "light", looks.PHONE)
    try:
        browser.get((tmp_path / "page.html").as_uri())
        assert kind in looks.faults(browser)
    finally:
        looks.show_as_usual(browser)
