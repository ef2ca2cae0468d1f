"""Train what docs/results.md needs at full length, many runs at once on one device, within some minutes.

    python -m benchmarks.full_length --minutes 10 --data PATH [--jobs 12] [--match uda_table] [--bring FOLDER]
    python -m benchmarks.full_length --pack FOLDER --data PATH
    python -m benchmarks.full_length --unpack FOLDER/0 --data PATH

The plan is full_length.yaml, most wanted first. A run that is done is skipped, and one that was stopped goes on where
it was. `--tiny` tries the plan with two iterations a run. `--bring` writes what is worth keeping: the records of the
runs in an archive, and one sheet of pictures a run. `--pack` splits the data into folders of at most 50 MB, for a
machine to which they are copied and unpacked there one by one; a run starts once its data are there.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from adversaria.sweeps.shared_gpu import share_gpu
from benchmarks.full_length_kept import bring
from benchmarks.full_length_packed import pack, unpack
from benchmarks.full_length_plan import ROOT, Planned, read_plan

TINY = [*(f"trainer.limit_{part}_batches=2" for part in ("train", "val", "test")), "trainer.max_epochs=11"]
SAVING = 20.0  # seconds that runs have for their checkpoints when the time is over


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 1 if a run failed."""
    options = _parser().parse_args(arguments)
    if options.pack or options.unpack:
        pack(options.data, options.pack, options.megabytes) if options.pack else unpack(options.unpack, options.data)
        return 0
    queue = Queue(options, time.monotonic() + 60 * options.minutes)
    extra = ["trainer.enable_progress_bar=false", *options.set, *(TINY if options.tiny else [])]
    share_gpu()  # where that can be had
    workers = [threading.Thread(target=_work, args=(queue, extra)) for _ in range(options.jobs)]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:  # which the runs got too
        queue.end = 0.0
        for worker in workers:
            worker.join()
    runs = read_plan(options.plan, options.match)
    print(f"{sum(run.done(options.outputs) for run in runs)} of {len(runs)} runs are done", flush=True)
    if options.bring:
        bring(runs, options.outputs, options.bring)
    return int(queue.failed > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.full_length",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help="folder of the data, as data.root")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) - 2), help="runs at once")
    parser.add_argument("--match", default="", metavar="REGEX", help="only runs whose name it matches")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_suffix(".yaml"), metavar="FILE")
    parser.add_argument("--outputs", type=Path, default=ROOT / "outputs", metavar="FOLDER")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an override of all runs")
    parser.add_argument("--tiny", action="store_true", help="two iterations a run, to see that all of it works")
    parser.add_argument("--bring", type=Path, metavar="FOLDER", help="write records and sheets there at the end")
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="split the data into parts, and train nothing")
    parser.add_argument("--unpack", type=Path, metavar="FOLDER", help="put a part into the data's folder; in order")
    parser.add_argument("--megabytes", type=float, default=50.0, help="size of a part")
    return parser


class Queue:
    """The runs that are still to be done, for several threads. The plan may be changed meanwhile.

    Args:
        options: of the command line.
        end: the reading of `time.monotonic` at which the time is over.
    """

    def __init__(self, options: argparse.Namespace, end: float) -> None:
        self.data, self.outputs, self.end = options.data, options.outputs, end
        self.failed = 0
        self._plan, self._match, self._read = options.plan, options.match, 0.0
        self._left: list[Planned] = []
        self._begun: set[str] = set()
        self._lock = threading.Lock()

    def next(self) -> Planned | None:
        """Return the first run that can start, waiting for one; None when nothing is left, or the time is over."""
        while time.monotonic() < self.end:
            with self._lock:
                self._refresh()
                if not self._left:
                    return None
                for run in self._left:
                    if run.ready(self.data, self.outputs):
                        self._left.remove(run)
                        self._begun.add(run.name)
                        return run
            time.sleep(0.2)
        return None

    def _refresh(self) -> None:
        """Read the plan where its file has changed."""
        if (changed := self._plan.stat().st_mtime) != self._read:
            self._read = changed
            runs = read_plan(self._plan, self._match)
            self._left = [run for run in runs if run.name not in self._begun and not run.done(self.outputs)]

    def report(self, run: Planned, seconds: float, problem: str) -> None:
        """Tell how a run ended."""
        with self._lock:
            self.failed += bool(problem)
            print(f"{run.name}  {seconds:.0f} s  {problem or 'done'}  ({len(self._left)} left)", flush=True)


def _work(queue: Queue, extra: list[str]) -> None:
    """Train runs of the queue in a process that has imported everything once; in a new one after one that failed."""
    context = multiprocessing.get_context("spawn")
    process, pipe = None, None
    while run := queue.next():
        if process is None:
            pipe, other = context.Pipe()
            process = context.Process(target=_process, args=(other,), daemon=True)
            process.start()
            other.close()
        assert pipe is not None
        start = time.monotonic()
        pipe.send([*run.command(queue.data, queue.outputs), *extra])
        problem = _answer(pipe, process, queue.end)
        queue.report(run, time.monotonic() - start, problem)
        if problem:  # it may have left the GPU's generator of random numbers in a state that no later run could use
            process.terminate()
            process.join()
            process = None
    if process is not None:
        process.terminate()


def _answer(pipe: Connection, process: Any, end: float) -> str:
    """Wait for a run, and stop it when the time is over; return what went wrong, or an empty text."""
    try:
        if pipe.poll(max(0.0, end - time.monotonic())):
            return str(pipe.recv())
        os.kill(process.pid, signal.SIGINT)
        return str(pipe.recv()) if pipe.poll(SAVING) else "stopped before it was saved"
    except (EOFError, OSError):
        return "its process died"


def _process(pipe: Connection) -> None:
    """Train one run after the other, as the command line does, in this process."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for stream in (1, 2):  # each run has its own train.log
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    import adversaria
    from adversaria.sweeps.jobs import end_with

    parent = multiprocessing.parent_process()
    assert parent is not None
    end_with(parent.pid or 0)

    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            try:
                overrides = pipe.recv()
                adversaria.train(*overrides)
                pipe.send("")
            except KeyboardInterrupt:
                pipe.send("stopped, saved")
            except Exception as error:
                pipe.send(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    raise SystemExit(main())
