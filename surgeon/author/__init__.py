"""For those who write patches: a module to begin with, its trial, and patches made from hand edits."""
