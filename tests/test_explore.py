"""explore.py: what there is to set, what the settings do, and the page in a real browser."""

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from support import looks

import explore
import lightning_modules
from adversaria.config.errors import CheckpointError
from adversaria.images.grid import to_uint8
from adversaria.images.interpolation import spherical
from adversaria.report.pages import report_text
from adversaria.tools import explorer_page, explorer_server
from adversaria.tools.bounded_control import bounded, bounded_control
from adversaria.tools.explorer import MAX_IMAGES, TEST_IMAGES, Explorer, prepare
from adversaria.tools.explorer_server import HOST
from adversaria.tools.own_host import OwnHost

REFUSALS = {"http": ["http.response.start", "http.response.body"], "websocket": ["websocket.close"]}

ROOT = Path(__file__).resolve().parents[1]
OLD = Path(__file__).parent / "fixtures" / "old_runs" / "vae"
ACGAN = ["model=acgan", "data=digits", "model.network.width=4", "model.network.latent_dim=8"]


@pytest.fixture(scope="module")
def acgan(untrained) -> Path:
    return untrained(*ACGAN)


@pytest.fixture
def digits(acgan: Path) -> Explorer:
    return prepare(lightning_modules.load(acgan), None, None)[0]


@pytest.fixture(scope="module")
def faces(tiny_run) -> Explorer:
    explorer, note = prepare(lightning_modules.load(tiny_run[0]), tiny_run[0], None)
    assert note == ""
    return explorer


def draw(explorer: Explorer, **changed: float) -> np.ndarray:
    return explorer.draw({**explorer.initial, **changed})


@pytest.fixture
def latents(faces: Explorer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the VAE decodes with changed settings; its images hardly differ, so short was its training."""
    decoded = []

    def decode(z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        decoded.append(z)
        return torch.zeros(len(z), 3, 64, 64)

    def given(**changed: float) -> torch.Tensor:
        draw(faces, **changed)
        return decoded.pop()

    monkeypatch.setattr(faces.module, "decode", decode)
    return given


def close(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and bool(np.abs(first.astype(int) - second).max() <= 1)


def test_a_gan_has_its_labels_and_truncation(digits: Explorer) -> None:
    assert {heading: list(group) for heading, group in digits.sliders.items()} == {
        "": ["interpolation", "truncation", "images"],
        "Labels": ["digit"],
    }
    assert digits.sliders["Labels"]["digit"].high == 9
    images = draw(digits, digit=3, images=5, seed=7)
    module = digits.module
    module.truncation = None
    assert close(images, to_uint8(module.sample(5, module.noise(MAX_IMAGES, 7)[:5], torch.full((5, 1), 3)), (-1, 1)))
    assert not close(images, draw(digits, digit=4, images=5, seed=7))
    assert not close(images, draw(digits, digit=3, images=5, seed=7, truncation=0.5))


def test_an_image_does_not_depend_on_how_many_are_shown(digits: Explorer) -> None:
    assert close(draw(digits, images=1), draw(digits, images=16)[:1])


def test_interpolation_goes_to_the_other_seed(digits: Explorer) -> None:
    assert close(draw(digits, interpolation=1), draw(digits, seed=1))
    digits.module.truncation = 4
    first, second = (digits.module.noise(MAX_IMAGES, seed)[:4] for seed in (0, 1))
    halfway = digits.module.sample(4, spherical(first, second, 3)[:, 1], torch.zeros(4, 1, dtype=torch.long))
    assert close(draw(digits, interpolation=0.5), to_uint8(halfway, (-1, 1)))


def test_a_vae_has_the_directions_of_its_data(faces: Explorer, latents: Any) -> None:
    assert list(faces.sliders[""]) == ["interpolation", TEST_IMAGES, "images"]
    assert {"Smiling", "Male"} <= set(faces.sliders["Attributes"])
    dimensions = faces.sliders["Latent dimensions"]
    assert len(dimensions) == 8
    name = next(iter(dimensions))
    expected = faces.module.noise(MAX_IMAGES, 0)[:4] - 1.5 * faces.directions["Smiling"]
    expected[:, int(name.removeprefix("dimension "))] += 2
    assert torch.allclose(latents(**{name: 2, "Smiling": -1.5}), expected, atol=1e-5)


def test_the_seed_chooses_test_images(faces: Explorer, latents: Any) -> None:
    assert faces.test_latents is not None
    shown = [latents(**{TEST_IMAGES: 1, "images": 3, "seed": seed}) for seed in (0, 1)]
    assert not torch.allclose(*shown)
    assert all(torch.isclose(z, faces.test_latents, atol=1e-5).all(1).any() for z in torch.cat(shown))


def test_without_data_a_vae_has_its_first_dimensions_and_a_sentence(tiny_run, tmp_path: Path) -> None:
    checkpoint = shutil.copy(tiny_run[0] / "checkpoints" / "last.ckpt", tmp_path)
    explorer, note = prepare(lightning_modules.load(checkpoint), None, None)
    assert list(explorer.sliders["Latent dimensions"]) == [f"dimension {d}" for d in range(8)]
    assert explorer.sliders["Attributes"] == {}
    assert note.startswith("Without the run's data there are no attributes and no test images: ")
    assert draw(explorer, images=2).shape == (2, 64, 64, 3)


def test_an_error_that_is_not_of_missing_data_is_raised(tiny_run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise CheckpointError("config.yaml is damaged")

    monkeypatch.setattr("adversaria.tools.explorer.run_configuration", refuse)
    with pytest.raises(CheckpointError, match="is damaged"):
        prepare(lightning_modules.load(tiny_run[0]), tiny_run[0], None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{classifier}"], "is a checkpoint of Classifier, which generates no images; give a VAE or a GAN of any kind"),
        (["nowhere"], "there is no checkpoint nowhere"),
        (["{acgan}", "--port", "{busy}"], "Address already in use; choose another port, or 0 for any free one"),
        (["{acgan}", "--port", "70000"], "--port 70000: "),
        (["{old}", "--sampler", "mixture"], "this checkpoint has no mixture of latents"),
        (["{vae}", "--root", "/nowhere"], "--root /nowhere: this data set reads no files"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str], sentence: str, acgan: Path, tiny_run, untrained, capsys
) -> None:
    with socket.socket() as taken:
        taken.bind((explorer_server.HOST, 0))
        taken.listen()
        known = {"acgan": acgan, "vae": tiny_run[0], "busy": taken.getsockname()[1], "old": OLD}
        if "{classifier}" in arguments:
            known["classifier"] = untrained("model=classifier", "data=digits")
        with pytest.raises(SystemExit) as left:
            explore.main([argument.format(**known) for argument in ["--port=0", *arguments]])
    assert left.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ")
    assert sentence in said


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ([("Host", "127.0.0.1:7860")], True),
        ([("host", "localhost:9000"), ("origin", "http://localhost:9000")], True),
        ([("host", "LOCALHOST")], True),
        ([("host", "attacker.example")], False),
        ([("host", "127.0.0.1.attacker.example:7860")], False),
        ([("host", "localhost:1@attacker.example")], False),
        ([("host", "localhost.:7860")], False),
        ([("host", "[::1]:7860")], False),
        ([("host", "127.0.0.1:7860"), ("origin", "https://attacker.example")], False),
        ([("host", "127.0.0.1:7860"), ("origin", "http://127.0.0.1:80")], False),
        ([("host", "127.0.0.1:7860"), ("origin", "null")], False),
        ([("host", "127.0.0.1:7860"), ("host", "attacker.example")], False),
        ([], False),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_only_its_own_host_and_origin_are_answered(kind: str, headers: list[tuple[str, str]], own: bool) -> None:
    answered: list[str] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        answered.append("page")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": [(k.encode(), v.encode()) for k, v in headers]}
    asyncio.run(OwnHost(app)(scope, None, send))  # type: ignore[arg-type]  # nothing is received
    assert answered == (["page"] if own else [])
    assert [m["type"] for m in sent] == ([] if own else REFUSALS[kind])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, 2),
        (-7, 0),
        (1e308, 4),
        (float("nan"), 1),
        (None, 1),
        ("abc", 1),
        ("3", 3),
        ([], 1),
        ({"a": 1}, 1),
        (10**400, 1),
        ("9" * 5000, 4),
        (True, True),
    ],
)
def test_what_arrives_is_kept_between_bounds(value: Any, expected: Any) -> None:
    from types import SimpleNamespace

    from nicegui import ui

    assert bounded(value, 0, 4, 1) == expected
    for control in (ui.slider, ui.number, ui.switch):
        class_ = bounded_control(control, 0, 4)
        event = SimpleNamespace(args=value)
        assert class_._event_args_to_value(SimpleNamespace(value=1), event) == expected
        assert "_event_args_to_value" in dir(control)  # what NiceGUI calls with what arrives


def test_a_switch_has_no_value_below_the_bounds_of_a_slider() -> None:
    assert bounded(False, 1, 16, 4) == 1
    assert bounded(False, 0, 1, 1) is False


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"value": 2, "label": "x"}, 2), ({"value": 9}, 4), ({}, 1), (1.6, 2), ("cat", 1), (None, 1)],
)
def test_a_menu_takes_the_numbers_of_its_entries_alone(value: Any, expected: int) -> None:
    from types import SimpleNamespace

    from nicegui import ui

    menu = bounded_control(ui.select, 0, 4, whole=True)
    chosen = menu._event_args_to_value(SimpleNamespace(value=1), SimpleNamespace(args=value))
    assert (chosen, type(chosen)) == (expected, int)
    assert "_event_args_to_value" in dir(ui.select)


def test_a_message_that_no_page_sends_is_a_line(capsys) -> None:
    async def receive() -> None:
        explorer_server._ignore_foreign_messages()
        asyncio.get_running_loop().call_exception_handler({"message": "x", "exception": KeyError("id")})

    asyncio.run(receive())
    assert capsys.readouterr().err == "ignored a message that the page does not send (KeyError: 'id')\n"


def test_nicegui_has_the_private_switch_that_stops_the_echo_of_sliders() -> None:
    from nicegui import ui

    assert ui.slider.LOOPBACK is True


def test_a_missing_library_is_one_sentence(acgan: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        explore.main([str(acgan)])
    expected = "error: the page needs NiceGUI, which is not installed; pip install -e '.[explore]'\n"
    assert capsys.readouterr().err == expected


@contextlib.contextmanager
def served(run: Path, cwd: Path, port: int = 0) -> Iterator[str]:
    """Serve a page as a user does; its address."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}  # NiceGUI would test itself
    command = [sys.executable, str(ROOT / "explore.py"), str(run), f"--port={port}", "--device=cpu", "--no-browser"]
    with subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        for _ in range(100):  # it is said just before the server listens
            with contextlib.suppress(OSError), socket.create_connection((HOST, urlsplit(address).port or 0)):
                break
            time.sleep(0.1)
        yield address
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


@pytest.fixture
def smiling(untrained) -> Path:
    return untrained("model=acgan", "data=synthetic_faces", "labels=[Smiling]", *ACGAN[2:])


@pytest.fixture
def url(smiling: Path, tmp_path: Path) -> Iterator[str]:
    with served(smiling, tmp_path) as address:
        yield address
    assert list(tmp_path.iterdir()) == []


@pytest.mark.faults  # for its time: it starts a server
def test_the_page_answers_and_reaches_nothing_else(browser: Any, url: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    def pictures() -> list[str]:
        return browser.execute_script(
            "return [...document.querySelectorAll('.picture img')].filter(i => i.offsetParent && i.naturalWidth)"
            ".map(i => i.src)"
        )

    def until(change: Any) -> list[str]:
        WebDriverWait(browser, 20, 0.05).until(lambda _: change(pictures()))
        return pictures()

    def press(control: str, key: str) -> None:
        selector = f'[aria-label="{control}"] [tabindex]'
        browser.find_element("css selector", selector).send_keys(key)

    browser.get_log("performance"), browser.get_log("browser")
    browser.get(url)
    before = until(lambda shown: len(shown) == 4)
    press("truncation", 20 * "\ue012")  # arrow to the left
    moved = until(lambda shown: shown[0] != before[0])
    press("images", "\ue012")
    assert until(lambda shown: len(shown) == 3) == moved[:3]
    browser.execute_script("scrollTo(0, 0)")
    browser.find_element("css selector", ".seed button").click()
    until(lambda shown: shown[0] != moved[0])
    switch = browser.find_element("css selector", '[aria-label="Smiling"]')
    switch.click()
    until(lambda _: switch.get_attribute("aria-checked") == "true")
    browser.find_elements("css selector", ".buttons button")[1].click()  # reset
    until(lambda shown: len(shown) == 4 and switch.get_attribute("aria-checked") == "false")

    assert browser.get_log("browser") == []
    log = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"]
    asked += [m["params"]["url"] for m in log if m["method"] == "Network.webSocketCreated"]
    hosts = {urlsplit(address).netloc for address in asked if not address.startswith("data:")}
    assert hosts == {urlsplit(url).netloc}


@pytest.mark.faults  # for its time: it starts a server twice
def test_a_page_whose_server_stops_says_so_and_goes_on_where_it_was(
    browser: Any, smiling: Path, tmp_path: Path
) -> None:
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    def until(condition: Any) -> None:
        reloaded = [StaleElementReferenceException]  # the page was loaded again between two questions
        WebDriverWait(browser, 60, 0.1, reloaded).until(lambda _: condition())

    def pictures() -> list[str]:
        shown = "[...document.querySelectorAll('.picture img')].filter(i => i.offsetParent && i.naturalWidth)"
        return browser.execute_script(f"return {shown}.map(i => i.src)")

    def popup() -> Any:
        return browser.find_element("css selector", "#popup")

    with served(smiling, tmp_path) as address:
        browser.get(f"{address}/?seed=7&images=99&truncation=many&of=nothing")
        until(lambda: len(pictures()) == MAX_IMAGES)
        before = pictures()
        browser.find_element("css selector", '[aria-label="images"] [tabindex]').send_keys("\ue012")
        until(lambda: "images=15" in browser.current_url and len(pictures()) == MAX_IMAGES - 1)
        before, where = pictures(), browser.current_url
        assert where == f"{address}/?seed=7&images=15"
    until(lambda: popup().is_displayed() and popup().value_of_css_property("opacity") == "1")
    assert "it was stopped, or cannot be reached" in popup().text
    port = urlsplit(address).port or 0
    assert popup().text.endswith(f"explore.py {smiling} --port=0 --device=cpu --no-browser --port={port}")
    assert pictures() == before  # what was there stays there
    with served(smiling, tmp_path, port):
        until(lambda: popup().get_attribute("aria-hidden") == "true" and pictures() == before)
        assert browser.current_url == where


@pytest.mark.faults  # for its time: it starts a server
def test_the_page_fits_and_is_readable_on_a_desk_and_on_a_phone(browser: Any, url: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get("about:blank")
    browser.get_log("browser")  # of other pages, and of a time without a server
    try:
        for scheme in ("light", "dark"):
            for width in (1300, looks.PHONE):
                looks.show_as(browser, scheme, width)
                browser.get(url)
                WebDriverWait(browser, 20).until(lambda b: b.find_elements("css selector", ".picture img[src]"))
                assert looks.faults(browser) == {}, (scheme, width)
        narrow = "return [...document.querySelectorAll('.q-slider')].map(s => s.getBoundingClientRect().width)"
        assert min(browser.execute_script(narrow)) > 0.6 * looks.PHONE  # as precise as a finger needs
        browser.execute_script("scrollTo(0, document.body.scrollHeight)")
        top = "return document.querySelector('.picture').getBoundingClientRect().top"
        assert browser.execute_script(top) >= 0  # what a slider does can be seen
    finally:
        looks.show_as_usual(browser)


def test_a_browser_is_opened_only_where_someone_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer_server.sys, "platform", "linux")
    assert explorer_server.has_screen({"DISPLAY": ":0"})
    assert not explorer_server.has_screen({})
    assert not explorer_server.has_screen({"DISPLAY": ":10", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"})
    monkeypatch.setattr(explorer_server.sys, "platform", "darwin")
    assert explorer_server.has_screen({})


def test_it_says_how_to_reach_the_page_from_elsewhere() -> None:
    here, there = explorer_server.addresses(7861).splitlines()
    assert here == "http://127.0.0.1:7861 until Ctrl-C"
    assert "ssh -L 7861:127.0.0.1:7861 " in there


def test_the_report_of_the_run_is_served_and_not_written(tiny_run: Any) -> None:
    from fastapi.testclient import TestClient
    from nicegui import app

    before = {file.name for file in tiny_run[0].iterdir()}
    explorer_server._serve_report(tiny_run[0], "/report/0")
    try:
        text = TestClient(app).get("/report/0").text
    finally:
        app.routes[:] = [route for route in app.routes if getattr(route, "path", "") != "/report/0"]
    assert "<h1>test</h1>" in text
    assert {file.name for file in tiny_run[0].iterdir()} == before


def test_the_report_of_a_run_that_was_deleted_is_a_sentence(tmp_path: Path) -> None:
    assert "This run cannot be shown: it was moved or deleted." in report_text(tmp_path / "gone")


def test_of_two_changes_at_once_the_last_is_drawn(acgan: Path) -> None:
    page, shown = explorer_page.Page(prepare(lightning_modules.load(acgan), None, None)[0]), []
    page.show = lambda: shown.append(page.settings["seed"])  # type: ignore[method-assign]
    page.remember = lambda: None  # type: ignore[method-assign]

    async def click_twice() -> None:
        await asyncio.gather(page.change("seed", 5), page.change("seed", 6))

    asyncio.run(click_twice())
    assert shown == [6]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"seed": "3", "truncation": "1e9", "digit": "4"}, {"seed": 3, "truncation": 4, "digit": 4}),
        ({"seed": "-1", "images": "0", "digit": "nan"}, {"seed": 0, "images": 1, "digit": 0}),
        ({"sed": "3", "seed": "<b>", "to seed": "9" * 400}, {"seed": 0, "to seed": 2**32 - 1}),
    ],
)
def test_settings_of_an_address_are_kept_between_bounds(
    given: dict[str, str], expected: dict[str, float], digits: Explorer
) -> None:
    settings = explorer_page.Page(digits, given).settings
    assert settings == {**digits.initial, **expected}
    assert draw(digits, **{"images": 1, **expected}).shape == (1, 28, 28, 3)


def test_what_one_of_several_runs_is_set_to_the_others_are_set_to(untrained: Any) -> None:
    from types import SimpleNamespace

    explorer, _ = prepare(lightning_modules.load(untrained(*ACGAN)), None, None)
    first, second = explorer_page.Page(explorer), explorer_page.Page(explorer)
    first.others, first.show, first.remember = [second], lambda: None, lambda: None
    second.controls = {"truncation": SimpleNamespace(value=4)}
    asyncio.run(first.change("truncation", 2))
    asyncio.run(first.change("digit", 3))  # which the second does not have
    assert second.controls["truncation"].value == 2
    assert list(second.controls) == ["truncation"]
