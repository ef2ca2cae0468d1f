"""Reports: what they say, what they say of runs that are not whole, and how they behave in a real browser."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support import looks
from support.markdown import tables_of

from adversaria.report import charts, pages
from adversaria.report.comparison import compare
from adversaria.report.reading import find, read
from adversaria.runs.record import write_invocation

pytestmark = pytest.mark.xdist_group("reports")  # what they share is made once

ROOT = Path(__file__).resolve().parents[1]
PROTOCOL = {"weights": "last", "iteration": 40, "seed": 0}
PAIR = {"source": "usps", "target": "mnistm", "n_test_target": 9001}


def make(folder: Path, model: str, metrics: dict[str, float | None] | None, seed: int = 0, **protocol: Any) -> Path:
    """Write the folder of a run as train.py leaves it; without metrics that of an unfinished one."""
    panels = {"losses": ["train/loss_d", "train/loss_g"], "accuracy": ["val/accuracy"]}
    config = {
        "name": f"{model}_<b>digits",
        "seed": seed,
        "test": "last",
        "trainer": {"max_epochs": 2},
        "callbacks": {"curves": {"panels": panels, "smoothing": 0.9}},
    }
    write_invocation(folder, config, {"model": model, "data": "digits"}, [f"model={model}", "labels=[digit]"])
    (folder / "environment.json").write_text(
        json.dumps([{"device": "cpu", "git_commit": "a" * 40, "git_dirty": True}]), encoding="utf-8"
    )
    network = {"parameters": 1234, "parts": {"encoder": 1234}, "printed": "Net()"}
    details = {"rate": 0.001, "a|b": "x  y", "discriminator_output": "critic_values"}
    (folder / "architecture.json").write_text(
        json.dumps({"networks": {"network": network}, "details": details}), encoding="utf-8"
    )
    lines = [f"{i},train/loss_{n},{math.sin(i) / i + j}" for i in range(1, 41) for j, n in enumerate("dg")]
    lines += [
        f"{i},{name},{value}" for i in (20, 40) for name, value in (("perf/images_per_second", 9), ("val/a", "nan"))
    ]
    (folder / "metrics.csv").write_text("\n".join(["iteration,metric,value", *lines]) + "\n", encoding="utf-8")
    (folder / "figures").mkdir()
    for kind, iteration in (("samples", 20), ("samples", 40), ("domains", 40), ("curves", 40)):
        pixels = np.random.default_rng(iteration).integers(0, 255, (40, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "figures" / f"{kind}_{iteration:07d}.png")
    if metrics is not None:
        record = {
            "metrics": {f"test/{k}": v for k, v in metrics.items()},
            "protocol": PROTOCOL | protocol,
            "seconds": 90,
        }
        (folder / "metrics.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def runs(tiny_run: Any, compose: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A real VAE, a GAN, three systems of adaptation, and a run that was stopped."""
    root = tmp_path_factory.mktemp("outputs")
    vae = shutil.copytree(tiny_run[0], root / "vae", ignore=shutil.ignore_patterns("*.ckpt", "tensorboard"))
    write_invocation(vae, compose(folder=vae), {"model": "vae", "data": "synthetic_faces"}, ["seed=0"])
    return {
        "vae": vae,
        "gan": make(root / "gan" / "run", "gan", {"fid_digits": 12.5, "fid_digits_floor": 0.5, "kid_digits": None}),
        **{
            system: make(root / system / "run", system, {"accuracy": accuracy, "accuracy/3": 0.1}, **PAIR)
            for system, accuracy in (("source_only", 0.5), ("dann", 0.7), ("target_only", 0.9))
        },
        "stopped": make(root / "stopped" / "run", "wgan", None),
    }


@pytest.fixture(scope="session")
def trained(tiny_run: Any, compose: Any, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Finished tiny runs of a VAE, a WGAN and a DANN, as training leaves them."""
    from adversaria.tools import train

    small = [
        *("data.batch_size=128", "data.image_size=16", "model.network.width=4", "trainer.max_epochs=2"),
        *("trainer.limit_train_batches=4", "trainer.log_every_n_steps=1", "trainer.accelerator=cpu"),
        *("trainer.enable_progress_bar=false", f"data.cache_dir={cache_dir}"),
    ]
    own = {
        "wgan": ["data=digits", "metrics=none", "model.generator.every=1", "callbacks.health.count=16"],
        "dann": ["data=digits_mnist5k", "model.domain_discriminator.width=8", "callbacks.tsne.count=40"],
    }
    folders = {"vae": tiny_run[0]}
    for model, settings in own.items():
        folders[model] = tmp_path_factory.mktemp(model)
        config = compose(f"model={model}", *settings, *small, f"name={model}", folder=folders[model])
        write_invocation(folders[model], config, {"model": model, "data": settings[0][5:]}, [f"model={model}"])
        train.train(config, folders[model])
    return folders


def written(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run report.py; it imports no torch, so it starts at once."""
    command = [sys.executable, str(ROOT / "report.py"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def report_of(*folders: Path, output: Path) -> tuple[str, str]:
    html, markdown = pages.write(folders, output)
    return html.read_text(encoding="utf-8"), markdown.read_text(encoding="utf-8")


def test_a_report_has_what_the_run_has(runs: dict[str, Path], tmp_path: Path) -> None:
    html, markdown = report_of(runs["vae"], output=tmp_path / "r.html")
    for text in (html, markdown):
        for expected in (
            "python train.py seed=0",
            "peak signal-to-noise ratio ↑",
            "test images",
            "Reconstructions",
            "CompactVAE(",
            "lambda_kl",
            "KLD over latent dimensions",
        ):
            assert expected in text
    assert html.count("data:image/png;base64,") == 3  # samples, reconstructions, t-SNE
    assert "data:image/webp;base64," in html  # the GIF
    for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", markdown):
        assert (tmp_path / picture).is_file()


def test_networks_and_details_are_read_by_key(runs: dict[str, Path], tmp_path: Path) -> None:
    html, markdown = report_of(runs["gan"], output=tmp_path / "r.html")
    assert "Architecture: network 1,234 trainable parameters" in html
    for text in (html, markdown):
        assert "critic values, no sigmoid" in text
        assert "network.encoder: 1,234" in text
    assert "| a\\|b | x  y |" in markdown


OLD_RUNS = Path(__file__).parent / "fixtures" / "old_runs"


@pytest.mark.parametrize("name", sorted(folder.name for folder in OLD_RUNS.iterdir()))
def test_a_run_of_version_0_1_0_is_reported(name: str, tmp_path: Path) -> None:
    html, markdown = report_of(OLD_RUNS / name, output=tmp_path / "r.html")
    run = read(OLD_RUNS / name)
    pair = name in ("adamatch", "dann")
    assert run.protocol["n_test_target" if pair else "n_test"] == (1000 if pair else 360)
    assert "n_test_source" in run.protocol if pair else run.protocol["data"] == "digits"
    assert not [key for key in run.protocol if " " in key]
    for text in (html, markdown):
        assert "test images of the target" in text if pair else "test images" in text
        assert "Implementation details" in text  # of architecture.txt, as it is
        assert "trainable parameters" in text
    assert [sentence for sentence in run.missing if "environment" not in sentence] == []


def test_a_run_of_version_0_1_0_compares_with_one_of_today(tmp_path: Path) -> None:
    old = json.loads((OLD_RUNS / "dann" / "metrics.json").read_text(encoding="utf-8"))
    today = {
        **{"source": "digits", "target": "mnist5k", "labelled": "source", "image_size": 28, "value_range": [-1.0, 1.0]},
        **{"n_train_source": 1322, "n_val_source": 115, "n_test_source": 360, "n_train_target": 3680},
        **{"n_val_target": 320, "n_test_target": 1000, "batch_size": 8},
        "augmentation": old["protocol"]["augmentation"],
        "target_augmentation": old["protocol"]["augmentation"],
    }
    runs = [read(OLD_RUNS / "dann"), read(make(tmp_path / "new", "dann", {"accuracy": 0.5}, **today))]
    compared = compare(list(zip(("old", "new"), runs, strict=True)))
    assert [(row["name"], row["number"]) for row in compared["rows"]] == [("old", 1), ("new", 1)]
    assert compared["differing"] == []
    rows, notes = compared["adaptation"]
    assert rows[0] == ["system", "digits → mnist5k"]
    assert "digits → mnist5k 1,000" in notes[0]


def test_by_default_it_lies_in_the_run_folder(runs: dict[str, Path], tmp_path: Path) -> None:
    done = written(tmp_path, str(runs["gan"]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(runs["gan"] / "report.html"), str(runs["gan"] / "report.md")]
    assert "![Samples of gan_&lt;b>digits, from fixed noise, iteration 40](figures/samples_0000040.png)" in (
        (runs["gan"] / "report.md").read_text(encoding="utf-8")
    )


def test_a_comparison_has_every_number_with_its_protocol(runs: dict[str, Path], tmp_path: Path) -> None:
    _, markdown = report_of(runs["gan"], runs["dann"], runs["source_only"], output=tmp_path / "r.html")
    rows = {row.split(" | ")[0]: row for row in markdown.splitlines() if row.startswith("| ")}
    assert rows["| run"] == "| run | status | accuracy ↑ | iteration | seed | minutes | protocol |"
    assert rows["| gan_&lt;b>digits"] == "| gan_&lt;b>digits | finished |  | 40 | 0 | 2 | 1 |"
    assert rows["| dann_&lt;b>digits"] == "| dann_&lt;b>digits | finished | 0.7000 | 40 | 0 | 2 | 2 |"
    assert "alone: fid_digits ↓ 12.50; fid_digits_floor 0.5000; kid_digits ↓ not finite." in markdown
    assert "Protocol 1: weights last.\n" in markdown
    assert "Protocol 2: weights last; source set usps; target set mnistm; test images of the target 9,001." in markdown


def test_a_comparison_starts_with_what_all_runs_share(tmp_path: Path) -> None:
    images = {"precision_x": 0.5, "fid_x": 9.0, "recall_x": 0.4, "kid_x": 0.1}
    gan = make(tmp_path / "gan", "gan", {"accuracy_fake": 0.2, **images})
    own = {"mse_01": 0.1, "mse_pm1": 0.4, "psnr": 20.0, "kld": 5, "kld_nats": 5}
    vae = make(tmp_path / "vae", "vae", {**own, **images})
    html, markdown = report_of(vae, gan, output=tmp_path / "r.html")
    assert "| run | status | fid_x ↓ | kid_x ↓ | precision_x ↑ | recall_x ↑ | iteration |" in markdown
    headings = re.findall(r'<th class="number">(.*?)</th>', html[: html.index("Metrics of one run alone")])
    assert headings == ["fid_x ↓", "kid_x ↓", "precision_x ↑", "recall_x ↑", "iteration", "seed", "minutes"]
    # each quantity once
    assert "vae_&lt;b>digits alone: mse_pm1 ↓ 0.4000; psnr ↑ 20.00; kld_nats 5." in markdown


def test_what_was_evaluated_later_is_compared_with_its_protocol(tmp_path: Path) -> None:
    gan, vae = make(tmp_path / "gan", "gan", {"fid_x": 9.0}), make(tmp_path / "vae", "vae", {"mse": 0.1})
    _, markdown = report_of(vae, gan, output=tmp_path / "r.html")
    assert "No two of these runs have a test metric in common." in markdown
    assert "it needs `pip install -e '.[imagenet]'`." in markdown
    record = json.loads((vae / "metrics.json").read_text(encoding="utf-8"))
    later = {"time": "2026-01-02", "metrics": {"test/fid_x": 20.0}, "protocol": PROTOCOL | {"n_test": 50}, "seconds": 1}
    (vae / "metrics.json").write_text(json.dumps(record | {"evaluations": [later]}), encoding="utf-8")
    _, markdown = report_of(vae, gan, output=tmp_path / "r.html")
    assert "| vae_&lt;b>digits | finished |  | 40 | 0 | 2 | 1 |" in markdown
    assert "| vae_&lt;b>digits, evaluated 2026-01-02 | finished | 20.00 | 40 | 0 | 2 | 2 |" in markdown


@pytest.mark.parametrize(
    ("names", "headings"),
    [
        (["vae"], ["metric", ""]),
        (["gan"], ["metric", ""]),
        (["stopped"], [""]),
        (["vae", "gan"], ["run", "metric", "", "metric", ""]),
        (["source_only", "dann", "target_only"], ["run", "system", *(["metric", ""] * 3)]),
    ],
)
def test_every_table_in_markdown_is_one(
    names: list[str], headings: list[str], runs: dict[str, Path], tmp_path: Path
) -> None:
    _, markdown = report_of(*(runs[name] for name in names), output=tmp_path / "r.html")
    assert [table[0][0] for table in tables_of(markdown)] == headings


def test_runs_without_a_test_are_compared_with_a_sentence(runs: dict[str, Path], tmp_path: Path) -> None:
    other = make(tmp_path / "other", "gan", None)
    for text in report_of(runs["stopped"], other, output=tmp_path / "r.html"):
        assert "None of these runs has test metrics yet" in text


def test_a_comparison_says_why_a_run_failed(runs: dict[str, Path], tmp_path: Path) -> None:
    failed = make(tmp_path / "failed", "gan", None)
    failure = {"overrides": [], "error": "the loss became NaN or infinite"}
    (failed / "failure.json").write_text(json.dumps(failure), encoding="utf-8")
    html, markdown = report_of(failed, runs["gan"], output=tmp_path / "r.html")
    assert '<td>failed<span class="below">the loss became NaN or infinite</span></td>' in html
    assert "| failed: the loss became NaN or infinite |" in markdown


def test_runs_of_adaptation_make_their_table(runs: dict[str, Path], tmp_path: Path) -> None:
    folders = [runs[name] for name in ("target_only", "dann", "source_only", "gan")]
    html, markdown = report_of(*folders, output=tmp_path / "r.html")
    assert "| system | USPS → MNIST-M |" in markdown
    assert "| dann | **0.700** (1 seed), gap 50 % |" in markdown
    assert "| reported: dann | A 0.4484 |" in markdown
    assert "<strong>0.700</strong>" in html


def test_only_runs_that_differ_by_seed_alone_share_a_cell(tmp_path: Path) -> None:
    folders = [make(tmp_path / str(s), "dann", {"accuracy": 0.6 + s / 10}, seed=s, **PAIR) for s in range(2)]
    _, markdown = report_of(*folders, output=tmp_path / "r.html")
    assert "| dann | **0.650 ± 0.071**" in markdown
    config = folders[0] / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("max_epochs: 2", "max_epochs: 3"), encoding="utf-8")
    _, markdown = report_of(*folders, output=tmp_path / "r.html")
    assert "| dann (dann_&lt;b>digits · 0) | 0.600 (1 seed)" in markdown
    assert "±" not in markdown.replace("mean ± standard", "")


def test_an_unfinished_run_says_so(runs: dict[str, Path], tmp_path: Path) -> None:
    html, markdown = report_of(runs["stopped"], output=tmp_path / "r.html")
    for text in (html, markdown):
        assert "There is no metrics.json: the run is not finished, or was stopped before its test." in text
        assert "Learning curves" in text
    assert read(runs["stopped"]).status == "unfinished"


def test_a_run_that_went_on_after_its_test_says_so(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "gan", {"loss": 1.0}, iteration=20)
    assert read(run).missing == ["The test metrics are of iteration 20, but the run went on to 40."]


@pytest.mark.parametrize("damage", ["", "[", "{}", "[3]", "null", '{"metrics": 3}', "\x00\xff"])
def test_damaged_files_are_left_out_with_a_sentence(tmp_path: Path, damage: str) -> None:
    run = make(tmp_path / "run", "gan", {"loss": 1.0})
    files = ["config.yaml", "invocation.json", "environment.json", "metrics.json", "figures/samples_0000040.png"]
    for file in files:
        (run / file).write_text(damage, encoding="utf-8")
    (run / "architecture.json").write_bytes(b"\xff\xfe\xff")
    html, _ = report_of(run, output=tmp_path / "r.html")
    for file in [*files, "architecture.json"]:
        assert f"{file} is damaged: " in html
    assert "Samples of run, from fixed noise, iteration 20" in html  # the last good one


def test_a_run_with_nothing_but_its_configuration_is_shown(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: lonely\n", encoding="utf-8")
    html, _ = report_of(tmp_path, output=tmp_path / "r.html")
    assert "lonely" in html
    assert html.count('class="warning"') == 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere: no folder in it has config.yaml and invocation.json"),
        (["{gan}", "."], ". is not a run folder: it has no config.yaml"),
        (["{gan}", "--output", "r.pdf"], "--output r.pdf: give the file a name that ends in .html"),
        (["{gan}", "--output", "/proc/none/r.html"], "cannot write /proc/none/r.html"),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(
    runs: dict[str, Path], tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = written(tmp_path, *(a.format(gan=runs["gan"]) for a in arguments))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_index_lists_all_runs_and_links_their_reports(runs: dict[str, Path], tmp_path: Path) -> None:
    root = runs["vae"].parent
    (index,) = pages.write([root], tmp_path / "index.html")
    html = index.read_text(encoding="utf-8")
    assert '<th class="number">fid_digits</th>' in html  # FID alone would be Inception's
    assert ">FID<" not in html
    assert html.count("<tr data-model") == len(runs) == len(find(root))
    assert len(html) / len(runs) < 20_000
    for link in re.findall(r'href="([^"#]+)"', html):
        assert link == "data:," or (tmp_path / link).exists()
    *reports, index = pages.write([root], tmp_path / "index.html", each=True)
    assert {file.parent for file in reports} == set(runs.values())
    assert "dann/run/report.html" in index.read_text(encoding="utf-8")


def test_reports_need_no_torch() -> None:
    probe = (
        "import sys, report, adversaria.report.pages; print('torch' in sys.modules, 'pytorch_lightning' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.fixture
def report(browser: Any, runs: dict[str, Path], tmp_path: Path) -> Any:
    """The browser with the report of all runs open."""
    html, _ = pages.write(list(runs.values()), tmp_path / "r.html")
    browser.set_window_size(1280, 900)
    browser.get(html.as_uri())
    return browser


@pytest.fixture
def index(browser: Any, runs: dict[str, Path], tmp_path: Path) -> Any:
    """The browser with the index of all runs open."""
    (html,) = pages.write([runs["vae"].parent], tmp_path / "i.html")
    browser.get(html.as_uri())
    return browser


def test_it_renders_without_network_or_complaint(report: Any) -> None:
    widths = report.execute_async_script(
        "const shown = [...document.images].filter(i => !i.closest('dialog'));"
        "Promise.all(shown.map(i => i.decode().then(() => i.naturalWidth))).then(arguments[0])"
    )
    assert len(widths) > 10
    assert min(widths) > 0
    assert report.execute_script("return [...document.images].every(i => i.alt || i.closest('dialog'))")
    assert report.execute_script("return document.querySelectorAll('article > .charts .strong').length") > 5
    loaded = report.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert report.get_log("browser") == []
    assert "gan_<b>digits" in [title.text for title in report.find_elements("css selector", "h2.run")]


def test_one_of_trained_runs_opens_offline(browser: Any, trained: dict[str, Path], tmp_path: Path) -> None:
    html, _ = pages.write(list(trained.values()), tmp_path / "r.html")
    browser.get_log("performance")  # what other pages did
    browser.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    browser.get(html.as_uri())
    shown = browser.execute_async_script(
        "Promise.all([...document.images].filter(i => !i.closest('dialog')).map(i => i.decode().then(() => "
        "[i.alt, i.naturalWidth > 0]))).then(arguments[0])"
    )
    browser.execute_cdp_cmd("Network.disable", {})
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert html.as_uri() in asked
    assert [url for url in asked if url != html.as_uri() and not url.startswith("data:")] == []
    assert browser.get_log("browser") == []
    assert all(loaded for _, loaded in shown)
    pictures = [alt.split(",")[0] for alt, _ in shown]
    for picture in (
        *("Samples of test", "Evolution of the samples of test", "Reconstructions of test"),
        *("t-SNE of test latents of test", "Samples of wgan", "Interpolations of wgan"),
        *("t-SNE of test features of dann", "Confusion matrix of dann"),
    ):
        assert picture in pictures
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('article > .charts .chart')].filter(c => c.querySelector('.strong')"
        ".getBoundingClientRect().width > 100).map(c => c.querySelector('h4').textContent)"
    )
    assert {"KLD", "MSE", "losses", "diversity", "Wasserstein estimate", "accuracy", "domain loss"} <= set(drawn)
    heights = "return [...document.querySelectorAll('article')].map(a => a.getBoundingClientRect().height)"
    assert min(browser.execute_script(heights)) > 1000


def test_curves_of_different_quantities_are_not_drawn_together(trained: dict[str, Path]) -> None:
    named = [(name, read(folder)) for name, folder in trained.items()]
    assert all("val/loss" in run.curves for name, run in named if name != "wgan")  # an MSE and KLD, a cross-entropy
    assert charts.overlaid(named) == []
    twice = charts.overlaid([*named, ("again", read(trained["vae"]))])
    assert {"train/kld", "val/mse"} <= {chart["title"] for chart in twice}
    assert {series["name"] for chart in twice for series in chart["series"]} == {"vae", "again"}


def test_a_table_sorts_by_the_header_that_is_clicked(report: Any) -> None:
    def column(name: str) -> list[str]:
        return report.execute_script(
            "const t = document.querySelector('table'), i = [...t.querySelectorAll('thead th')]"
            ".findIndex(h => h.textContent === arguments[0]);"
            "return [...t.tBodies[0].rows].map(r => r.cells[i].textContent)",
            name,
        )

    header = next(b for b in report.find_elements("css selector", "thead button") if b.text == "accuracy ↑")
    header.click()
    assert column("accuracy ↑") == ["0.5000", "0.7000", "0.9000", "", "", ""]
    header.click()
    assert column("accuracy ↑")[:3] == ["0.9000", "0.7000", "0.5000"]
    assert report.execute_script("return arguments[0].parentNode.ariaSort", header) == "descending"


@pytest.mark.parametrize(("width", "beside"), [(1200, True), (looks.PHONE, False)])
def test_samples_of_runs_are_side_by_side_where_they_fit(
    width: int, beside: bool, browser: Any, runs: dict[str, Path], tmp_path: Path
) -> None:
    folders = [shutil.copytree(runs["gan"], tmp_path / name) for name in "ab"]
    for folder in folders:
        Image.new("RGB", (530, 530), "navy").save(folder / "figures" / "samples_0000040.png")
    looks.show_as(browser, "light", width)
    try:
        browser.get(pages.write(folders, tmp_path / "r.html")[0].as_uri())
        first, second = (
            figure.rect
            for figure in browser.find_elements("css selector", ".beside")[0].find_elements("css selector", "figure")
        )
        assert (first["y"] == second["y"]) is beside
    finally:
        looks.show_as_usual(browser)


def test_axes_have_no_two_ticks_alike_and_whole_iterations(browser: Any, runs: dict[str, Path], tmp_path: Path) -> None:
    run = make(tmp_path / "short", "gan", None)
    lines = [f"{i},train/loss_d,{value}" for i, value in ((1, 1.04e-4), (2, 1.041e-4), (3, 1.042e-4))]
    (run / "metrics.csv").write_text("\n".join(["iteration,metric,value", *lines]) + "\n", encoding="utf-8")
    browser.get(pages.write([run], tmp_path / "r.html")[0].as_uri())
    texts = [node.text for node in browser.find_elements("css selector", ".chart > svg > text")]
    heights, iterations = texts[: texts.index("1")], texts[texts.index("1") : -1]
    assert len(heights) >= 4
    assert len(set(heights)) == len(heights)
    assert iterations == ["1", "2", "3"]


def test_a_picture_opens_large_and_closes(report: Any) -> None:
    dialog = report.find_element("css selector", "#lightbox")
    zoom = report.find_element("css selector", ".zoom")
    zoom.send_keys("\n")
    assert dialog.is_displayed()
    alt = "return document.querySelector('#lightbox img').alt"
    first = report.execute_script(alt)
    report.switch_to.active_element.send_keys("\ue014")  # arrow to the right
    assert report.execute_script(alt) != first
    report.switch_to.active_element.send_keys("\ue00c")  # Escape
    assert not dialog.is_displayed()
    zoom.click()
    assert dialog.is_displayed()
    dialog.click()
    assert not dialog.is_displayed()


def test_light_and_dark_follow_the_system_and_then_the_button(report: Any) -> None:
    def background() -> str:
        return report.execute_script("return getComputedStyle(document.body).backgroundColor")

    def system(value: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": value}]
        report.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    system("light")
    light = background()
    system("dark")
    dark = background()
    assert dark != light
    report.find_element("css selector", "#theme").click()
    assert background() == light


def test_curves_answer_to_the_mouse(report: Any) -> None:
    from selenium.webdriver import ActionChains

    chart = report.find_element("css selector", "article .chart")
    ticks = "return [...arguments[0].querySelectorAll('svg > text')].map(t => t.textContent)"
    svg = chart.find_element("css selector", "svg")
    last = chart.find_element("css selector", "output").text
    ActionChains(report).move_to_element_with_offset(svg, -100, 0).perform()
    assert chart.find_element("css selector", "output").text != last
    whole = report.execute_script(ticks, chart)
    ActionChains(report).click_and_hold(svg).move_by_offset(120, 0).release().perform()
    assert report.execute_script(ticks, chart) != whole
    assert not chart.find_elements("css selector", ".drag")
    chart.find_element("css selector", ".legend button").click()
    assert len(chart.find_elements("css selector", ".strong")) == 1


def test_it_fits_a_narrow_screen(report: Any) -> None:
    metrics = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    report.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    root = report.find_element("css selector", "html")
    assert report.execute_script("return arguments[0].scrollWidth <= arguments[0].clientWidth", root)
    report.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_phone_shows_status_and_metrics(index: Any) -> None:
    metrics = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    index.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    index.refresh()
    root = "document.documentElement"
    assert index.execute_script(f"return {root}.scrollWidth <= {root}.clientWidth")
    for wanted in ("status", "accuracy", "protocol"):
        cells = index.find_elements("css selector", f'.index td[data-heading="{wanted}"]')
        assert cells
        right = "return arguments[0].getBoundingClientRect().right"
        assert all(cell.is_displayed() and index.execute_script(right, cell) <= 360 for cell in cells), wanted
    index.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_print_has_details_open_and_pictures_still(report: Any, tmp_path: Path) -> None:
    report.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    report.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert report.find_elements("css selector", "details:not([open])") == []
    undrawn = "return [...document.querySelectorAll('.chart svg')].filter(s => !s.getAttribute('viewBox')).length"
    assert report.execute_script(undrawn) == 0
    moving = report.find_elements("css selector", ".zoom:has(+ .still)")
    assert moving
    assert not any(node.is_displayed() for node in moving)
    assert all(still.is_displayed() for still in report.find_elements("css selector", ".still"))
    report.execute_script("dispatchEvent(new Event('afterprint'))")
    assert report.find_elements("css selector", "details:not([open])") != []
    report.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_names_stay_words_on_a_narrow_screen(browser: Any, trained: dict[str, Path], tmp_path: Path) -> None:
    html, _ = pages.write(list(trained.values()), tmp_path / "r.html")
    metrics = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(html.as_uri())
    lines = "return [...document.querySelectorAll('table tbody th a')].map(a => a.getClientRects().length)"
    assert browser.execute_script(lines) == [1, 1, 1]
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_index_filters(index: Any, runs: dict[str, Path]) -> None:
    def shown() -> list[str]:
        return [
            row.get_attribute("data-model")
            for row in index.find_elements("css selector", "tbody tr")
            if row.is_displayed()
        ]

    assert len(shown()) == len(runs)
    box = index.find_element("css selector", "#filter")
    box.send_keys("digits unfinished")
    assert shown() == ["wgan"]
    assert index.find_element("css selector", "#count").text == "1 runs"
    box.clear()
    index.find_element("css selector", "select[data-column=model]").send_keys("dann")
    assert shown() == ["dann"]
    assert index.get_log("browser") == []
