import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from adversaria.config.errors import ConfigError
from adversaria.runs.library_state import for_a_run
from adversaria.runs.start import Start
from adversaria.speed import settings
from adversaria.tools import train
from adversaria.tools.generator import load_generator

ROOT = Path(__file__).resolve().parents[3]
FAULTS = """
import platform, resource, sys
from adversaria.speed.settings import give_memory_back, keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        bytearray(48 << 20)  # above the largest threshold that glibc chooses by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

default = faults()
keep_memory()
faults()
kept = faults()
give_memory_back()
print(platform.libc_ver()[0], default, kept, faults())
"""


def test_keep_memory_may_be_called_more_than_once():
    settings.keep_memory()
    settings.keep_memory()


def test_keep_memory_keeps_freed_memory_until_it_is_to_be_given_back():
    """Each page that the kernel hands out anew is a fault: by default 8 x 12288 of 4 KiB, then almost none."""
    done = subprocess.run([sys.executable, "-c", FAULTS], cwd=ROOT, capture_output=True, text=True, check=True)
    libc, default, kept, back = done.stdout.split()
    if libc != "glibc" or int(default) < 1000:
        pytest.skip(f"this system ({libc}) keeps freed memory anyway or does not count page faults")
    assert int(kept) < int(default) / 10
    assert int(back) > int(default) / 2


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_keep_memory_does_nothing_on_other_systems(monkeypatch, platform):
    def no_library(name):
        raise AssertionError("no library is to be loaded")

    monkeypatch.setattr(settings, "_keeps", False)
    monkeypatch.setattr(settings.sys, "platform", platform)
    monkeypatch.setattr(settings.ctypes, "CDLL", no_library)
    settings.keep_memory()
    settings.give_memory_back()


def test_keep_memory_does_without_glibc(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(settings.ctypes, "CDLL", missing)
    settings.keep_memory()
    settings.give_memory_back()
    monkeypatch.setattr(settings.ctypes, "CDLL", lambda name: object())  # musl: loads, but has no mallopt
    settings.keep_memory()


def test_channels_last_changes_the_layout_of_the_weights_and_no_output():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1),
        nn.Flatten(),
        nn.Linear(4 * 16 * 16, 5),
    ).eval()
    image = torch.randn(2, 3, 16, 16)
    before, weights = module(image), [p.clone() for p in module.parameters()]
    settings.channels_last(module)
    for layer in (module[0], module[2]):
        assert layer.weight.is_contiguous(memory_format=torch.channels_last)
        assert not layer.weight.is_contiguous()
    assert all(torch.equal(a, b) for a, b in zip(weights, module.parameters(), strict=True))
    torch.testing.assert_close(module(image), before, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        module(image.contiguous(memory_format=torch.channels_last)), before, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("there", [True, False])
def test_looks_for_gpus_again_only_where_there_is_one(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning sets the variable when it is imported, for processes that fork before CUDA is initialised."""
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    settings.look_for_gpus_once()
    assert os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] == ("1" if there else "0")


def test_a_hook_is_empty_where_it_is_still_the_base_classs() -> None:
    class Counting(pl.Callback):
        def on_train_batch_end(self, *arguments: object) -> None:
            """Do something."""

    class Inherits(Counting):
        pass

    given = pl.callbacks.LambdaCallback(on_train_batch_end=print)
    empty = [settings.is_empty("on_train_batch_end", c, pl.Callback) for c in (pl.Callback(), Inherits(), given)]
    assert empty == [True, False, False]
    assert settings.is_empty("on_after_backward", Inherits(), pl.Callback)


@pytest.mark.parametrize("gpu", [True, False])
def test_tf32_is_for_gpus_and_only_for_the_run(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    with for_a_run():
        settings.multiply_in_tf32()
        assert torch.get_float32_matmul_precision() == ("high" if gpu else "highest")
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("flags\t\t: fpu sse2 avx2 avx512f avx512_bf16 sha_ni\n", True),
        ("flags\t\t: fpu avx512f amx_tile amx_bf16\n", True),
        ("flags\t\t: fpu sse2 avx2 avx512f avx512vl\n", False),
        ("Features\t: fp asimd bf16\n", False),
    ],
)
def test_a_processor_multiplies_bfloat16_where_its_flags_say_so(flags, has, tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor\t: 0\n{flags}", encoding="utf-8")
    assert settings.multiplies_bfloat16(file) == has
    assert not settings.multiplies_bfloat16(tmp_path / "missing")


@pytest.mark.parametrize(
    ("has", "precision", "said"), [(True, "32-true", 1), (False, "32-true", 0), (True, "bf16-mixed", 0)]
)
def test_a_run_says_once_that_bfloat16_would_be_faster(has, precision, said, compose, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(settings, "multiplies_bfloat16", lambda: has)
    config = compose("model=classifier", "data=digits", f"trainer.precision={precision}", "trainer.accelerator=cpu")
    config["callbacks"], config["logger"] = {}, {}
    _, module = train._data_and_model(config)
    with caplog.at_level("INFO", logger="adversaria"):
        train._trainer(config, tmp_path, module, Start(tmp_path, lambda: None))
    assert caplog.text.count("trainer.precision=bf16-mixed is faster") == said


def test_a_tool_that_loads_a_generator_collects_garbage_from_then_on(monkeypatch):
    """Its entry has switched the collector off for the time of the imports."""
    monkeypatch.setattr("lightning_modules.load", lambda file: nn.Identity())
    gc.disable()
    try:
        with pytest.raises(ConfigError, match="generates no images"):
            load_generator(Path("some.ckpt"), "cpu")
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
