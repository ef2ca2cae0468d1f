"""Images that a model generates: latents, sampling, grids and files, shared by callbacks and tools."""
