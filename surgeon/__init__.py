"""m3d-surgeon: lets packages written for a newer PyTorch run on a pinned, older one."""
