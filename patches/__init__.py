"""The patches, one a module, each an incident report with its cure. Installed as `surgeon.patches`."""
