"""Tables of systems by measured values: rows without a run, values beside what is reported, one table an extractor."""

from typing import Any

import pytest

from adversaria.report.record_tables import MISSING, rendered
from adversaria.report.results import described

TABLE = {
    "prefix": "faces",
    "by": "extractor_digest",
    "columns": [
        {"title": "FID", "metric": "test/fid_[^/]+(?<!_floor)", "floor": "test/fid_[^/]+_floor", "format": ".1f"},
        {"title": "reported"},
        {"title": "iterations"},
        {"title": "minutes"},
        {"title": "device"},
    ],
    "rows": [{"name": "A2", "records": "a2"}, {"name": "D1", "records": "d1", "reported": "FID 28.97"}],
    "protocol": ["n_test"],
}


def record(metrics: dict[str, float | None], digest: str | None = None, **more: Any) -> dict[str, Any]:
    extractor = {} if digest is None else {"extractor": "faces-attr", "extractor_digest": digest}
    return {
        "commit": "a" * 40,
        "device": "cuda (NVIDIA H100)",
        "threads": 8,
        "minutes": 3.6,
        "protocol": {"iteration": 1200, "n_test": 4640, "weights": "last", **extractor},
        "metrics": metrics,
        **more,
    }


def lines(table: dict[str, Any], records: dict[str, dict[str, Any]]) -> list[str]:
    return rendered(table, records).splitlines()


def test_what_has_no_run_is_in_the_table() -> None:
    assert lines(TABLE, {})[2:] == [f"| A2 | {MISSING} |  |  |  |  |", f"| D1 | {MISSING} | FID 28.97 |  |  |  |"]


def test_a_row_has_its_value_the_floor_and_a_link_to_its_record() -> None:
    found = {"faces/d1/seed_0": record({"test/fid_faces-attr": 12.34, "test/fid_faces-attr_floor": 1.5}, "aa")}
    table = lines(TABLE, found)
    assert table[2] == "| real images that no model was trained on | 1.5 |  |  |  |  |"
    link = "[D1](results/records/faces/d1/seed_0.json)"
    assert table[4] == f"| {link} | 12.3 | FID 28.97 | 1,200 | 4 | NVIDIA H100 |"
    assert table[6:] == [
        "- Features of faces-attr, digest aa.",
        "- Test images: 4,640.",
        "- 1 run, made with aaaaaaa on NVIDIA H100.",
    ]


def test_seeds_are_averaged_and_records_of_no_row_are_shown() -> None:
    found = {f"faces/my_gan/seed_{seed}": record({"test/fid_faces-attr": 10.0 + seed}, "aa") for seed in (0, 2)}
    row = lines(TABLE, found)[4]
    assert row.startswith("| [my_gan](results/records/faces/my_gan/seed_0.json) | 11.0 ± 1.4 (2 seeds) |")
    assert len(lines({**TABLE, "only_rows": True}, found)) == 4
    unmeasured = {"faces/classifier/seed_0": record({"test/accuracy": 0.9})}
    assert rendered(TABLE, unmeasured) == rendered(TABLE, {})


def test_values_of_two_extractors_never_share_a_table() -> None:
    later = {
        "protocol": {"extractor": "faces-attr", "extractor_digest": "bb"},
        "metrics": {"test/fid_faces-attr": 50.0},
    }
    found = {
        "faces/a2/seed_0": record({"test/fid_faces-attr": 20.0}, "aa"),
        "faces/d1/seed_0": record({"test/fid_faces-attr": 30.0}, "aa", evaluations=[later]),
    }
    first, second = rendered(TABLE, found).split("\n\n| system")
    assert "| 20.0 |" in first
    assert "| 30.0 |" in first
    assert "50.0" not in first
    assert "| 50.0 |" in second
    assert MISSING not in second
    assert "digest bb." in second


@pytest.mark.parametrize("change", [{"split": "val"}, {"weights": "best"}, {"images": "pictures"}])
def test_an_evaluation_of_other_images_or_weights_is_left_out(change: dict[str, str]) -> None:
    later = {"protocol": {"extractor_digest": "bb", **change}, "metrics": {"test/fid_faces-attr": 50.0}}
    found = {"faces/d1/seed_0": record({"test/fid_faces-attr": 30.0}, "aa", evaluations=[later])}
    assert "50.0" not in rendered(TABLE, found)


@pytest.mark.parametrize(("accuracy", "text"), [(0.4373, "**0.437**"), (0.4371, "0.437")])
def test_a_value_that_reaches_what_is_reported_is_bold(accuracy: float, text: str) -> None:
    table = {
        "prefix": "reports",
        "better": "max",
        "columns": [{"title": "accuracy", "metric": "test/accuracy", "format": ".3f"}, {"title": "reported"}],
        "rows": [{"name": "A3", "records": "a3", "reported": 0.4372}],
    }
    row = lines(table, {"reports/a3/seed_0": record({"test/accuracy": accuracy, "test/accuracy/1": 0.9})})[2]
    assert row == f"| [A3](results/records/reports/a3/seed_0.json) | {text} | 0.4372 |"


def test_a_bound_is_taken_from_a_record_of_its_own() -> None:
    bound = {"title": "PCA", "metric": "test/mse_pm1/{components}", "records": "bounds/pca", "format": ".3f"}
    table = {
        "prefix": "vaes",
        "columns": [{"title": "MSE", "metric": "test/mse_pm1", "format": ".3f"}, bound],
        "rows": [{"name": "A1", "records": "a1", "components": 64}, {"name": "B1", "records": "b1", "components": 32}],
    }
    found = {"bounds/pca": record({"test/mse_pm1/64": 0.01, "test/mse_pm1/32": 0.02})}
    assert lines(table, found)[2:] == [f"| A1 | {MISSING} | 0.010 |", f"| B1 | {MISSING} | 0.020 |"]


@pytest.mark.parametrize("name", described()["tables"])
def test_the_metrics_of_each_table_are_those_that_runs_have(name: str) -> None:
    metrics = {
        **{
            f"test/{key}": 0.25
            for key in ("accuracy", "accuracy/3", "accuracy_source", "accuracy_oracle", "mse_pm1", "mse_01", "kld_nats")
        },
        **{f"test/{key}": 0.25 for key in ("psnr", "ssim", "label_accuracy_real", "label_accuracy_fake")},
        **{f"test/{key}_faces-attr": 0.5 for key in ("fid", "kid", "precision", "recall", "label_accuracy")},
        **{f"test/{key}_faces-attr_floor": 0.125 for key in ("fid", "kid", "precision", "recall")},
        "test/label_accuracy_faces-attr/Smiling": 0.75,
        "test/pair_accuracy_faces-attr/Smiling": 0.625,
        "test/pair_distance_faces-attr/Smiling": 0.875,
        "test/pair_distance_pixels/Smiling": 0.375,
    }
    table = described()["tables"][name]
    row = {"name": "ours", "records": "ours", "components": 8, "end": "(?<!_floor)"}
    found = {f"{table['prefix']}/ours/seed_0": record(metrics, "aa", epochs=7)}
    bounds = {"bounds/pca_celeba": record({"test/mse_pm1/8": 0.5, "test/mse_01/8": 0.5})}
    text = rendered({**table, "rows": [row]}, found | bounds)
    cells = next(line for line in text.splitlines() if line.startswith("| [ours]")).split(" | ")[1:]
    assert all(cell.strip(" |") for cell in cells), text
    assert len(cells) == len([column for column in table["columns"] if column["title"] != "reported"])
    assert {"labels": "0.500", "reports_adaptation": "0.250"}.get(name, cells[0]) == cells[0]
