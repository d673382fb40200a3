"""Real copies of a stack's packages, for tools that write into the files that they are given."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping

from tests import support
from tests.tools.bench import scenes


class Loose:
    """The packages that hold the files to be edited, below a node project (`patch-package` wants one).

    Attributes:
        project: the folder with package.json.
        site: the folder that stands for site-packages.
        packages: the names of the packages in it.
    """

    NAME = "pod"

    def __init__(self, stack: str, paths: Collection[str]) -> None:
        self._source = support.site_packages(scenes.pristine(stack))
        self.packages = sorted({path.split("/")[0] for path in paths})
        self.project = scenes.FOLDER / "loose"
        self.site = self.project / "node_modules" / self.NAME
        shutil.rmtree(self.project, ignore_errors=True)
        for name in self.packages:
            shutil.copytree(self._source / name, self.site / name)
        for folder, name in ((self.project, "bench"), (self.site, self.NAME)):
            needs = f', "dependencies": {{"{self.NAME}": "1.0.0"}}' if folder is self.project else ""
            (folder / "package.json").write_text(f'{{"name": "{name}", "version": "1.0.0"{needs}}}\n')

    def _edited(self) -> list[str]:
        """The files that are no longer as they were copied: a tool that writes changes the time."""
        found = []
        for name in self.packages:
            for path in (self._source / name).rglob("*.py"):
                relative = str(path.relative_to(self._source))
                if (self.site / relative).stat().st_mtime_ns != path.stat().st_mtime_ns:
                    found.append(relative)
        return found

    def reset(self) -> None:
        """Every file as it was."""
        for path in self._edited():
            shutil.copy2(self._source / path, self.site / path)

    def compared(self, results: Mapping[str, bytes]) -> dict[str, int]:
        """How many files came out as ours did, of how many, and how many others were edited."""
        same = sum((self.site / path).read_bytes() == data for path, data in results.items())
        others = [
            path
            for path in self._edited()
            if path not in results and (self.site / path).read_bytes() != (self._source / path).read_bytes()
        ]
        return {"same": same, "of": len(results), "others": len(others)}
