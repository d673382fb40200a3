"""m3d-surgeon: lets packages written for a newer PyTorch run on a pinned, older one."""

__version__ = "0.1.0"
