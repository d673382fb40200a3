"""`scan`: what the installed sources ask of a module that it does not have."""

from __future__ import annotations

from typing import Annotated

import typer

from surgeon.commands.options import (
    Json,
    Patches,
    Python,
    Quiet,
    SitePackages,
    answer,
    as_path,
    environment_of,
)


def scan(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DISTRIBUTION_OR_PATH",
            help="Only these; otherwise everything installed that depends on the module.",
        ),
    ] = None,
    python: Python = None,
    site_packages: SitePackages = None,
    patches_from: Patches = None,
    module: Annotated[
        str, typer.Option("--module", metavar="NAME", help="The module that is asked.")
    ] = "torch",
    torch: Annotated[
        str, typer.Option("--torch", metavar="VERSION", help="Answer for this release of torch instead.")
    ] = "",
    minimum: Annotated[
        bool, typer.Option("--minimum", help="Find the lowest torch on which everything imports.")
    ] = False,
    import_time_only: Annotated[
        bool, typer.Option("--import-time-only", help="Leave out what bites only when it is called.")
    ] = False,
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="import|call", help="Exit with 1 if something bites then.")
    ] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what is guarded too.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find what the installed sources ask of torch that this torch does not have.

    Reads only, and imports nothing but the module that is asked.
    """
    import gc
    from dataclasses import replace
    from functools import partial

    from surgeon import registry as patches
    from surgeon.author import project
    from surgeon.errors import SurgeonError, UsageError
    from surgeon.report import scan as shown
    from surgeon.scan.gaps import When
    from surgeon.scan.results import ScanResult
    from surgeon.scan.run import Request
    from surgeon.scan.run import scan as operation

    gc.disable()  # nothing that a scan makes outlives the program
    # A `Quick` command leaves what was not given `None`.
    module, torch, fail_on = module or "torch", torch or "", fail_on or ""

    def whole() -> ScanResult:
        if fail_on not in ("", "import", "call"):
            raise UsageError(f"--fail-on takes import or call, not {fail_on!r}", hint="name one of them")
        if (torch or minimum) and module != "torch":
            raise UsageError("--torch and --minimum know torch only", hint="leave out --module")
        request = Request(
            tuple(what or ()), module, torch, minimum, import_time_only, When(fail_on) if fail_on else None
        )
        chosen = project.folders(as_path(patches_from))
        registry = patches.load(*chosen.folders, remembered=True)
        result = operation(environment_of(python, as_path(site_packages)), registry, request)
        return replace(result, warnings=(*chosen.notices, *result.warnings))

    def failed(error: SurgeonError) -> ScanResult:
        return ScanResult(None, (), module, "", errors=(error,), exit_code=error.exit_code)

    answer(whole, failed, partial(shown.text, verbose=verbose), as_json=json, quiet=quiet)
