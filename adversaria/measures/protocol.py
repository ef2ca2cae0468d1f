"""The numbers that all comparisons of generated with real images share. This module imports no torch."""

KID_SUBSETS, KID_SUBSET = 50, 1000  # random subsets, and images of each at most
NEAREST = 5  # neighbours
NEEDED = NEAREST + 1  # images of a side: each has so many others
MOST = 10_000  # images of a side that are compared one by one; time grows with the product of both sides
#: The part of a protocol that is about comparisons; see docs/protocol.md.
PROTOCOL = {
    "kid_subsets": KID_SUBSETS,
    "kid_subset_size": KID_SUBSET,
    "neighbours": NEAREST,
    "neighbour_images": MOST,
}
