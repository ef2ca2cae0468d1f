"""The page of a sweep: while it runs, its heat map, and its links."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf
from PIL import Image
from support.markdown import tables_of

from adversaria.sweeps import page, summary
from adversaria.sweeps.job_record import starting
from adversaria.sweeps.plan import PLAN, planned
from adversaria.sweeps.sweep import Sweep

PLANNED = """
hydra:
  sweeper: {params: {model.optimizer.lr: "1e-3,3e-3"}}
  overrides: {task: [model=vae, "model.lambda_kl=1e-5,1e-4"]}
"""


def job(sweep: Path, kl: str, rate: str, mse: float | None = None) -> Path:
    folder = sweep / f"lambda_kl={kl},lr={rate}"
    folder.mkdir()
    overrides = ["model=vae", f"model.lambda_kl={kl}", f"model.optimizer.lr={rate}"]
    (folder / "invocation.json").write_text(json.dumps([{"overrides": overrides}]), encoding="utf-8")
    (folder / "config.yaml").write_text("objective: test/mse\n", encoding="utf-8")
    if mse is not None:
        metrics = {"metrics": {"test/mse": mse, "test/kld": 1 / mse}}
        (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return folder


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / PLAN).write_text(PLANNED, encoding="utf-8")
    os.utime(tmp_path / PLAN, (1000, 1000))
    figures = job(tmp_path, "1e-05", "0.001", 0.25) / "figures"
    figures.mkdir()
    for name, colour in (("samples_0000001.png", "red"), ("samples_0000002.png", "blue")):
        Image.new("RGB", (1400, 700), colour).save(figures / name)
    (job(tmp_path, "0.0001", "0.001", 0.5) / "figures").mkdir()
    (tmp_path / "lambda_kl=0.0001,lr=0.001" / "figures" / "samples_0000001.png").write_bytes(b"cut short")
    return tmp_path


def data_of(file: Path) -> dict[str, Any]:
    found = re.search(r'id="sweep">(.*?)</script>', file.read_text(encoding="utf-8"))
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_plan_has_every_combination_and_a_search_its_number(sweep: Path) -> None:
    count, settings = planned(sweep)
    assert count == 4
    assert settings[1] == {"model.optimizer.lr": "0.001", "model.lambda_kl": "0.0001"}
    search = "hydra: {sweeper: {n_trials: 20, params: {a: 'interval(0, 1)'}}, overrides: {task: []}}"
    (sweep / PLAN).write_text(search, encoding="utf-8")
    assert planned(sweep) == (20, [])
    (sweep / PLAN).unlink()
    assert planned(sweep) == (None, [])


def test_the_page_of_a_sweep_that_runs_shows_what_is_done_what_runs_and_what_waits(sweep: Path) -> None:
    begins = starting(sweep / "new", ["model=vae", "model.lambda_kl=1e-05", "model.optimizer.lr=0.003"])
    found = summary.read(sweep, begins)
    assert page.progress(found) == "2 done, 1 running, 1 waiting"
    file = page.write(sweep, found, live=True)
    assert '<meta http-equiv="refresh" content="15">' in file.read_text(encoding="utf-8")
    status = {tuple(setting["at"]): setting["status"] for setting in data_of(file)["settings"]}
    assert status[("1e-05", "0.003")] == "running"
    assert status[("0.0001", "0.003")] == "waiting"


def test_a_job_that_has_not_ended_runs_only_while_its_sweep_does(sweep: Path) -> None:
    job(sweep, "1e-05", "0.003")
    left = job(sweep, "0.0001", "0.003") / "invocation.json"
    os.utime(left, (500, 500))  # of an earlier start of the sweep
    status = {j.folder.name: j.status for j in summary.read(sweep, live=True).jobs}
    assert (status["lambda_kl=1e-05,lr=0.003"], status["lambda_kl=0.0001,lr=0.003"]) == ("running", "unfinished")
    ended = summary.read(sweep)
    assert {j.status for j in ended.jobs} == {"done", "unfinished"}
    assert "http-equiv" not in page.write(sweep, ended).read_text(encoding="utf-8")


def test_a_job_that_goes_on_runs_and_counts_once(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sweep.parent)  # the folder of a sweep is relative to it, that of a job is not
    left = sweep / "lambda_kl=1e-05,lr=0.001"
    (left / "metrics.json").unlink()
    begins = starting(left, ["model=vae", "model.lambda_kl=1e-05", "model.optimizer.lr=0.001"])
    assert page.progress(summary.read(Path(sweep.name), begins)) == "1 done, 1 running, 2 waiting"


def test_the_summary_says_that_a_job_runs_where_it_begins(sweep: Path) -> None:
    left = job(sweep, "1e-05", "0.003")
    task = ["model=vae", "model.lambda_kl=1e-05", "model.optimizer.lr=0.003"]
    hydra = {"mode": RunMode.MULTIRUN, "sweep": {"dir": str(sweep), "subdir": left.name}}
    hydra |= {"runtime": {"output_dir": str(left)}, "overrides": {"task": task}}
    Sweep().on_job_start(OmegaConf.create({"hydra": hydra}))
    (table,) = tables_of((sweep / "summary.md").read_text(encoding="utf-8"))
    assert sorted(row[2] for row in table[1:]) == ["done", "done", "running"]


def test_a_job_that_goes_on_after_its_test_runs(sweep: Path) -> None:
    done = sweep / "lambda_kl=1e-05,lr=0.001"
    os.utime(done / "metrics.json", (1500, 1500))
    os.utime(done / "invocation.json", (2000, 2000))
    assert page.progress(summary.read(sweep, live=True)) == "1 done, 1 running, 2 waiting"
    assert page.progress(summary.read(sweep)) == "2 done, 2 waiting"


def test_the_page_has_axes_in_order_links_and_samples_at_their_place(sweep: Path) -> None:
    file = page.write(sweep, summary.read(sweep))
    data, text = data_of(file), file.read_text(encoding="utf-8")
    assert data["keys"][0] == {"name": "lambda_kl", "values": ["1e-05", "0.0001"]}
    assert data["keys"][1]["values"] == ["0.001", "0.003"]  # one of them has no job yet
    assert data["metrics"][0] == {"name": "test/mse", "better": -1, "marked": "test/mse ↓"}
    assert data["settings"][0]["values"] == {"test/mse": 0.25, "mse": 0.25, "kld": 4.0}
    link = "lambda_kl%3D1e-05%2Clr%3D0.001/"
    assert data["settings"][0]["link"] == link
    assert text.count(f'<a href="{link}"') == 2  # in the table and below the samples
    assert (
        text.count('<img class="pixels" src="data:image/webp') == 1
    )  # the newest samples; what is cut short is left out
    (sweep / "lambda_kl=1e-05,lr=0.001" / "report.html").touch()
    assert f"{link}report.html" in page.write(sweep, summary.read(sweep)).read_text(encoding="utf-8")


def test_the_page_draws_a_heat_map_that_shows_the_best_and_colours_the_table(sweep: Path, browser: Any) -> None:
    browser.get(page.write(sweep, summary.read(sweep)).as_uri())
    cells = browser.find_elements("css selector", ".heat tbody td")
    assert [cell.text for cell in cells] == ["0.25", "0.5", "waiting", "waiting"]
    assert [cell.get_attribute("class") for cell in cells] == ["best", "", "open", "open"]
    assert [float(cell.get_attribute("data-strength")) for cell in cells[:2]] == [1, 0]
    colours = [cell.value_of_css_property("background-color") for cell in cells[:3]]
    assert colours[0] not in colours[1:]
    browser.execute_script(
        "m = document.getElementById('metric'); m.value = 'kld'; m.dispatchEvent(new Event('change'))"
    )
    assert browser.find_element("css selector", ".heat tbody td").text == "4"
    assert len(browser.find_elements("css selector", "#against circle")) == 2
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_one_value_is_one_tick(sweep: Path, browser: Any) -> None:
    (sweep / PLAN).unlink()
    (sweep / "lambda_kl=0.0001,lr=0.001" / "metrics.json").unlink()
    browser.get(page.write(sweep, summary.read(sweep)).as_uri())
    texts = [node.text for node in browser.find_elements("css selector", "#effect text:not(.axis)")]
    assert texts == ["0.25", "1.0e-5"]


def test_one_key_is_a_line(sweep: Path, browser: Any) -> None:
    (sweep / PLAN).unlink()
    browser.get(page.write(sweep, summary.read(sweep)).as_uri())
    assert len(browser.find_elements("css selector", "#effect path")) == 1
    assert len(browser.find_elements("css selector", "#effect circle")) == 2
    assert browser.find_element("css selector", "#effect .axis").text == "lambda_kl"
