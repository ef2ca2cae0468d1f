import pytest
import torchvision

from datamodules.prepare import main


@pytest.fixture
def download(monkeypatch):
    """Replace torchvision's download; returns the calls made."""

    def replace(action):
        calls = []

        def published(root, split, download):
            calls.append((root, split, download))
            return action(root)

        monkeypatch.setattr(torchvision.datasets, "CelebA", published)
        return calls

    return replace


def no_network(root):
    raise AssertionError("no download was called for")


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_data_that_is_there_is_verified_without_a_network(write_celeba, tmp_path, download, capsys, archive):
    calls = download(no_network)
    write_celeba(tmp_path / "celeba", archive=archive)
    assert main(["celeba", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"CelebA in {tmp_path}: 3 train, 1 validation, 2 test images\n"
    assert calls == []


def test_missing_data_is_downloaded_and_verified(write_celeba, tmp_path, download, capsys):
    calls = download(lambda root: write_celeba(tmp_path / "celeba"))
    assert main(["celeba", str(tmp_path)]) == 0
    assert calls == [(str(tmp_path), "all", True)]
    assert "3 train, 1 validation, 2 test images" in capsys.readouterr().out


@pytest.mark.parametrize(
    "problem",
    [RuntimeError("The quota is used up.\nTry again"), ModuleNotFoundError("No module named 'gdown'"), TimeoutError()],
    ids=["quota", "no gdown", "an error without a text"],
)
def test_a_failed_download_says_what_to_do_and_ends_with_status_2(tmp_path, download, capsys, problem):
    def fail(root):
        raise problem

    download(fail)
    assert main(["celeba", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: CelebA could not be downloaded into {tmp_path}")
    assert captured.err.count("\n") == 1
    for part in (
        str(problem).partition("\n")[0],
        "pip install gdown",
        "img_align_celeba.zip, list_attr_celeba.txt and list_eval_partition.txt",
        str(tmp_path / "celeba"),
        "data=huggingface data.name=flwrlabs/celeba",
    ):
        assert part in captured.err


def test_a_download_that_left_nothing_is_noticed(tmp_path, download, capsys):
    download(lambda root: None)
    assert main(["celeba", str(tmp_path)]) == 2
    assert "not found" in capsys.readouterr().err


@pytest.mark.parametrize("number", [1, 4, 6])
def test_an_image_that_is_damaged_or_missing_is_named(celeba_root, download, capsys, number):
    download(no_network)
    (celeba_root / f"img_align_celeba/{number:06d}.jpg").unlink()
    assert main(["celeba", str(celeba_root)]) == 2
    assert f"{number:06d}.jpg: it is listed but missing" in capsys.readouterr().err


def test_a_part_without_images_is_named(celeba_root, download, capsys):
    download(no_network)
    file = celeba_root / "list_eval_partition.txt"
    file.write_text(file.read_text(encoding="utf-8").replace("000003.jpg 1", "000003.jpg 0"), encoding="utf-8")
    assert main(["celeba", str(celeba_root)]) == 2
    assert "CelebA's val split not found" in capsys.readouterr().err


def test_another_data_set_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["imagenet"])
    assert ended.value.code == 2
    assert "celeba" in capsys.readouterr().err
