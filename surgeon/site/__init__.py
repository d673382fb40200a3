"""An environment on disk: what is installed, and the only ways to read and to change it."""
