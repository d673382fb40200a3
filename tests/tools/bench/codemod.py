"""The shipped edits as a user of `libcst.tool codemod` would have them: no store, no checks.

Loaded by libcst.tool in the tool's environment. Which patches go into which file stands in the file
that BENCH_CODEMOD names: finding that out is not what is measured.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import libcst
from libcst.codemod import VisitorBasedCodemodCommand

from surgeon import registry
from surgeon.edits.tree import Tree
from surgeon.patch import Patch


@cache
def wanted() -> dict[str, tuple[Patch, ...]]:
    """The patches of each file, by its path in the folder that libcst.tool is run in."""
    named = json.loads(Path(os.environ["BENCH_CODEMOD"]).read_text())
    every = registry.load().patches
    return {path: tuple(every[patch] for patch in patches) for path, patches in named.items()}


class Edits(VisitorBasedCodemodCommand):
    """Puts each file's patches in."""

    DESCRIPTION = "The edits that m3d-surgeon makes."

    def transform_module_impl(self, tree: libcst.Module) -> libcst.Module:
        """The edits of one file's patches, one patch after the other."""
        path = str(Path(str(self.context.filename)).resolve().relative_to(Path.cwd()))
        for patch in wanted().get(path, ()):
            for edit in patch.transforms:
                edited = Tree(tree, patch.id)
                edit(edited)
                tree = edited.commit() if edited.changed else tree
        return tree
