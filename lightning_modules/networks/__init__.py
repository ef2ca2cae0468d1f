"""Networks: plain `nn.Module`s by family, without training code."""
