"""Images that a model makes: latents, sampling, grids and files; shared by callbacks and tools."""
