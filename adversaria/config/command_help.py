"""The answer to `python train.py --help`.

Hydra's own help takes a second longer, because it composes the defaults for each group.
"""

from __future__ import annotations

from adversaria.config.errors import CONF, options

BEFORE = """\
adversaria: models that generate faces, digits or pictures of your own, and classifiers that adapt to a new data set.

  python train.py [group=choice ...] [key=value ...]

Examples
  python train.py                                               the default: a VAE on rendered faces, 2 to 3 minutes
  python train.py experiment=report_a/vae data.root=PATH        report A's VAE on CelebA in PATH
  python train.py model=acgan data=digits                       digits of a chosen class, on the embedded real digits
  python train.py model=acgan data=celeba 'labels=[Smiling]'    faces with and without a smile; data.root=PATH
  python train.py model=gan data=folder data.root=PATH          pictures of your own: a folder, a .zip or a .tar
  python train.py model=dann data=digits_mnist5k                adaptation, on an embedded pair; data=folder_pair: yours
  python train.py -m model.lambda_kl=1e-5,1e-4,1e-3             a sweep: one run for each value

What you choose (group=choice)
  model           the method; model/network= its architecture
  data            the data set; data.root=PATH where it lies
  experiment      a whole system of a report, with its model, data and settings
  sweep           with -m: what is swept, and the table of it
  metrics         what measures generated images: reference (comes along), imagenet, classifier (of yours), inception
  trainer         epochs, device, precision
  labels          what conditional models are given and classifiers learn: 'labels=[Smiling,Male]'
  logger          where scalars go: metrics.csv and TensorBoard
  callbacks       parts of callbacks.*; leave one out with callbacks.NAME=null

Choices
"""
AFTER = """\
Keys
  python train.py model=vae data=celeba --cfg job               print every key and its value, without running
  ckpt_path=last | best | PATH                                  resume a stopped run, in its folder
  init_from=RUN                                                 start a new run from the weights of another one
  seed=1 trainer.max_epochs=20 data.batch_size=64 ...           any key, without a leading +

Tab completion in bash:  eval "$(python train.py -sc install=bash)"
Runs are kept in outputs/<name>/<time>_<id>/;  tensorboard --logdir outputs  shows them.
"""


def text() -> str:
    """Return what the command is, examples of it, and the choices that `conf/` has for each group."""
    folders = {file.parent.relative_to(CONF).as_posix() for file in CONF.rglob("*.yaml")}
    groups = [folder for folder in sorted(folders) if folder.partition("/")[0] not in (".", "hydra")]
    choices = "".join(f"  {group}: {', '.join(options(group))}\n" for group in groups)
    return f"{BEFORE}{choices}\n{AFTER}"
