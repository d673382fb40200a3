"""What installed sources ask of a module that they depend on, and what of it that module lacks."""
