"""The command line as a user meets it: a subprocess in an empty folder."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from support.warm import Script
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from adversaria.runs.curves import read_metrics

pytestmark = pytest.mark.xdist_group("warm processes")  # one server of them
ROOT = Path(__file__).resolve().parents[1]


def runs(folder: Path, name: str = "vae_synthetic_faces") -> list[Path]:
    return sorted((folder / "outputs" / name).iterdir())


def test_help_is_for_people_and_free_of_torch(tmp_path: Path, cli) -> None:
    shown = cli(tmp_path, "--help")
    assert shown.returncode == 0
    assert shown.stdout.count("python train.py") >= 5
    for expected in ("data: ", "celeba", "experiment/report_b: acgan, gan", "install=bash", "ckpt_path="):
        assert expected in shown.stdout
    probe = "import sys, train; print('torch' in sys.modules, 'pytorch_lightning' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_cfg_job_prints_the_configuration(tmp_path: Path, cli) -> None:
    shown = cli(tmp_path, "model=vae", "data=celeba", "model.lambda_kl=0.5", "--cfg", "job")
    assert shown.returncode == 0
    assert "lambda_kl: 0.5" in shown.stdout
    assert "datamodules.readers.celeba.CelebA" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["data.attributes=[Blond]"], "there is no attribute 'Blond'; did you mean Blond_Hair?"),
        (["data=celeba", "data.root=/nowhere"], "looked in /nowhere, /nowhere/celeba"),
        (["data.root=/nowhere"], "the chosen data has no key 'root'; it belongs to data=celeba"),
        (["model.lambda_kl=-1"], "model.lambda_kl=-1: expected float >= 0"),
        (["data=celebaa"], "did you mean celeba?"),
        (["-m", "hydra/launcher=ray", "seed=0,1"], "pip install -e '.[sweep]'"),
        (["experiment=report_a/vea"], "did you mean report_a/vae"),
        (["model.lamda_kl=1"], "did you mean model.lambda_kl=1?"),
        (["model.lambda_kl=["], "cannot read 'model.lambda_kl=['"),
        (["init_from=/nowhere"], "init_from=/nowhere: there is no checkpoint /nowhere; give a run folder"),
        (["ckpt_path=last"], "no run under outputs has"),
        (["model._target_=os.system"], "is not allowed"),
        (["model=acgan", "data=digits", "labels=[digt]"], "did you mean digit?"),
        (["model=wgan", "model.r3=1"], "model.r3: "),
        (["data.value_range=[1,0]"], "the first value must be below the second"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(tmp_path: Path, cli, arguments: list[str], sentence: str) -> None:
    done = cli(tmp_path, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")}
    assert left <= {"outputs"}  # no run folder is left behind


def test_a_run_ends_with_table_folder_and_tensorboard_and_writes_nowhere_else(
    tmp_path: Path, cli, tiny: list[str]
) -> None:
    done = cli(tmp_path, *tiny, "callbacks.tsne=null", "trainer.profiler=simple")
    assert done.returncode == 0, done.stderr
    (folder,) = runs(tmp_path)
    curves = f"tensorboard.main --logdir outputs/vae_synthetic_faces/{folder.name}"
    for expected in ("MSE, latents", "signal-to-noise", curves):
        assert expected in done.stdout
    assert {p.name for p in tmp_path.iterdir()} == {"outputs", ".cache"}
    assert {p.name for p in folder.iterdir()} == {
        *("architecture.json", "architecture.txt", "checkpoints", "config.yaml", "data.json", "environment.json"),
        *("figures", "invocation.json", "metrics.csv", "metrics.json", "tensorboard", "train.log", ".lock"),
        *("fit-profile.txt", "test-profile.txt"),
    }
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert record["epochs"] == 2
    assert list(record["data_digests"]) == ["synthetic_faces"]
    assert "run_training_batch" in (folder / "fit-profile.txt").read_text(encoding="utf-8")
    lines = [line for line in (folder / "train.log").read_text(encoding="utf-8").splitlines() if "epoch" in line]
    assert [line.split("epoch ")[1].split()[0] for line in lines] == ["1/2", "2/2"]
    assert "images/s" in lines[0]
    assert "val loss" in lines[0]


def test_two_runs_never_share_a_folder(tmp_path: Path, tiny: list[str]) -> None:
    command = (*tiny, "callbacks.tsne=null", "test=null")
    started = [Script(ROOT / "train.py", command, tmp_path, None, None) for _ in range(2)]
    for process in started:
        output, _ = process.communicate(120)
        assert process.returncode == 0, output
    assert len(runs(tmp_path)) == 2
    assert len([p for p in (tmp_path / ".cache").iterdir() if p.is_dir()]) == 1  # and they shared one cache


@pytest.mark.faults  # a job of it fails
def test_a_sweep_sums_up_its_jobs_and_goes_on_with_what_is_missing(tmp_path: Path, cli, tiny: list[str]) -> None:
    once = [*tiny, "callbacks.tsne=null", "trainer.max_epochs=1"]
    first = cli(tmp_path, "-m", *once, "model.lambda_kl=-1,0,0.01", "hydra.verbose=false")
    assert first.returncode == 1
    assert "error: 1 job failed" in first.stderr
    assert "Traceback" not in first.stdout + first.stderr
    (sweep,) = runs(tmp_path, "sweeps")
    assert sweep.name.startswith("lambda_kl_")
    assert {p.name for p in sweep.iterdir() if p.is_dir()} == {"lambda_kl=-1", "lambda_kl=0", "lambda_kl=0.01"}
    table = (sweep / "summary.md").read_text(encoding="utf-8")
    assert "failed: model.lambda_kl=-1: expected float >= 0.0" in first.stdout
    assert f"charts and pictures: {sweep.relative_to(tmp_path) / 'summary.html'}" in first.stdout
    *rows, failed = [line.split(" | ") for line in table.splitlines()[2:5]]
    assert float(rows[0][3]) <= float(rows[1][3])  # the objective, best first
    assert failed[1] == "failed: model.lambda_kl=-1: expected float >= 0.0"
    second = cli(tmp_path, "-m", *once, "model.lambda_kl=0,0.01,0.1")
    assert second.stdout.count("done before") == 2
    assert len(list(sweep.glob("*/metrics.json"))) == 3
    assert cli(tmp_path, *once, "model.lambda_kl=0.01").returncode == 0
    (alone,) = runs(tmp_path)
    assert _metrics(alone) == _metrics(sweep / "lambda_kl=0.01")  # the job before it left no trace


def _metrics(run: Path) -> dict[str, float]:
    metrics: dict[str, float] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    return metrics


@pytest.mark.faults  # a job of it fails
def test_the_table_of_adaptation_goes_on_with_what_is_missing(tmp_path: Path, cli) -> None:
    small = ["model.network.width=4", "data.image_size=16", "trainer.max_epochs=1", "trainer.limit_train_batches=3"]
    quiet = ["callbacks.progress_bar=null", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"]
    sweep = ["-m", "sweep=uda_table", "data=digits_mnist5k", *small, *quiet, "callbacks.tsne.count=20"]
    first = cli(tmp_path, *sweep, "model=source_only", timeout=200)
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "outputs" / "uda_table"
    done = folder / "source_only" / "digits_mnist5k" / "seed_0" / "metrics.json"
    before = done.stat().st_mtime_ns
    second = cli(tmp_path, *sweep, "model=source_only,dann,adda", "model.domain_discriminator.width=8", timeout=200)
    assert second.returncode != 0  # source_only has no discriminator: one sentence, and no job is lost
    third = cli(tmp_path, *sweep, "model=source_only,dann,target_only", timeout=200)
    assert third.returncode == 0, third.stderr
    assert "done before" in third.stdout
    assert done.stat().st_mtime_ns == before
    table = (folder / "table.md").read_text(encoding="utf-8")
    assert table in third.stdout
    assert [line.split()[1] for line in table.splitlines()[2:5]] == ["source_only", "dann", "target_only"]
    colour = [item.replace("uda_table", "uda_colour") for item in sweep]
    fourth = cli(tmp_path, *colour, "model=source_only", timeout=200)
    assert fourth.returncode == 0, fourth.stderr
    assert "| source_only_colour |" in (folder / "table.md").read_text(encoding="utf-8")
    run = folder / "dann" / "digits_mnist5k" / "seed_0"
    pictures = {file.name.split("_")[0] for file in (run / "figures").iterdir()}
    assert pictures == {"curves", "domains", "confusion"}
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    assert {"test/accuracy", "test/accuracy_oracle", "test/accuracy_source", "test/proxy_a_distance"} <= set(metrics)


@pytest.mark.faults
def test_a_killed_run_resumes_in_its_folder_with_joined_curves(tmp_path: Path, cli, tiny: list[str]) -> None:
    many = [*tiny, "callbacks.tsne=null", "trainer.max_epochs=400", "callbacks.samples=null"]
    command = [
        sys.executable,
        str(ROOT / "train.py"),
        *many,
        "callbacks.curves=null",
        "callbacks.reconstructions=null",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "epoch 3/" in line:
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    (folder,) = runs(tmp_path)
    before = (folder / "metrics.csv").read_bytes()
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["adversaria"]["iteration"]
    assert saved >= 9

    epochs = saved // 3 + 2
    done = cli(tmp_path, "ckpt_path=last", f"trainer.max_epochs={epochs}")
    assert done.returncode == 0, done.stderr
    assert runs(tmp_path) == [folder]
    assert (folder / "metrics.csv").read_bytes().startswith(before)  # append-only
    curves = read_metrics(folder / "metrics.csv")
    assert curves["train/loss"][0] == list(range(1, 3 * epochs + 1))  # no gap, no double point
    assert curves["val/loss"][0] == list(range(3, 3 * epochs + 1, 3))
    history = json.loads((folder / "invocation.json").read_text(encoding="utf-8"))
    assert [h["overrides"][0] for h in history] == [tiny[0], "ckpt_path=last"]
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    assert [e.step for e in events.Scalars("train/loss")] == curves["train/loss"][0]

    finished = cli(tmp_path, "ckpt_path=last", "objective=val/mse")  # nothing left to fit: tested again
    assert finished.returncode == 0, finished.stderr
    assert "MSE, latents" in finished.stdout
    lower = cli(tmp_path, f"ckpt_path={folder}", f"trainer.max_epochs={epochs + 1}", "model.optimizer.lr=1e-5")
    assert lower.returncode == 0, lower.stderr
    assert read_metrics(folder / "metrics.csv")["optim/lr_0"][1][-4:] == [0.003, 1e-5, 1e-5, 1e-5]

    other = cli(tmp_path, f"ckpt_path={folder}", "data=celeba")
    assert other.returncode == 2
    assert "has data=synthetic_faces" in other.stderr
