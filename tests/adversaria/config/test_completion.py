"""Tab completion offers no private names."""

import pytest

from adversaria.config.completion import public, without_private_names


@pytest.mark.parametrize(
    ("offered", "typed", "left"),
    [
        ("model=_gan model=acgan", "train.py model=", "model=acgan\n"),
        ("model._target_= model.lambda_kl=", "train.py model.", "model.lambda_kl=\n"),
        (
            "callbacks=_adversarial\ncallbacks=gan\ncallbacks=wgan",
            "train.py callbacks=",
            "callbacks=gan\ncallbacks=wgan\n",
        ),
        ("model=_gan", "train.py data=mnist model=_g", "model=_gan"),  # asked for
        ("data.batch_size=", "train.py data._self_=1 data.", "data.batch_size=\n"),  # of another word
    ],
)
def test_private_names_are_left_out(offered: str, typed: str, left: str) -> None:
    assert public(offered, typed) == left


def test_only_a_query_of_a_shell_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["-sc", "query=bash"], ["model=_gan"], ["-sc", "install=bash"]):
        with without_private_names(arguments, "train.py model="):
            print("model=_gan model=gan")
    assert capsys.readouterr().out == "model=gan\n" + 2 * "model=_gan model=gan\n"
