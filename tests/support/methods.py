"""Overrides for a tiny run of each method."""

DIGITS = ["data=digits", "metrics=none", "data.batch_size=64", "trainer.limit_train_batches=5", "callbacks.curves=null"]
GAN = [*DIGITS, "model.network.width=4"]
R3GAN = [
    *("model/loss=relativistic", "model.augment=[colour,translation,cutout]", "model.r1_every=2", "model.r2=0.5"),
    "model.r1={_target_: lightning_modules.schedules.cosine, _partial_: true, start: 1, end: 0.1, iterations: 7}",
]
SIGMA = ["model.lambda_kl=auto", "callbacks.tsne=null"]
PAIR = [
    *("data=digit_pair", "data.source=digits", "data.target=digits", "data.batch_size=64"),
    *("data/augmentation=colour", "trainer.limit_train_batches=5", "model.network.width=4"),
    *("callbacks.tsne=null", "callbacks.curves=null", "callbacks.target_report=null"),
]
METHODS = {
    "vae": [
        *("model=vae", "model.network.width=4", "model.network.latent_dim=16", "callbacks.tsne=null"),
        *("data.reader.train=96", "data.reader.val=24", "data.reader.test=24", "data.batch_size=18"),
    ],
    "cvae by its own variance": ["model=cvae", *GAN, "model.network.latent_dim=8", *SIGMA],
    "gan": ["model=gan", *GAN, "model.r1=0.1", "model.r1_every=2", "model.instance_noise=0.1"],
    "r3gan": ["model=gan", *GAN, *R3GAN],
    "wgan": ["model=wgan", *GAN, "model.generator.every=5", "model.weight_clip=0.01", "model.gradient_penalty=0"],
    "wgan_gp": ["model=wgan", *GAN, "model.generator.every=5"],
    "acgan": ["model=acgan", *GAN],
    "acgan by r3gan's loss": ["model=acgan", *GAN, *R3GAN, "model.generator_batches=2"],
    "cvae": ["model=cvae", *GAN, "model.network.latent_dim=8", "callbacks.tsne=null"],
    "dann": ["model=dann", *PAIR],
    "dann in turn": ["model=dann", *PAIR, "model/update@model.discriminator_update=adam_digits"],
    "adda": ["model=adda", *PAIR, "model.pretrain_epochs=1", "model.gate=0.5"],
    "mcc": ["model=mcc", *PAIR],
    "dann, virtual adversarial": ["model=dann", *PAIR, "model.target_terms.vat=0.1"],
    "adamatch": ["model=adamatch", *PAIR],
    "dsn": ["model=dsn", *PAIR, "data.batch_size=16"],
    "classifier": ["model=classifier", *GAN],
}
