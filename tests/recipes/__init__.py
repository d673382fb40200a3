"""The recipes, run: their commands and files come out of docs/recipes/*.md themselves."""
