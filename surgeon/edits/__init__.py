"""The edits that patches are made of.

Each is a frozen dataclass and thereby plain data: called with a `Tree`, it queues its replacements
there and returns how often it matched. Names are resolved through the file's imports, and code
that is already guarded is left alone. Importing this package does not import libcst.
"""

from surgeon.edits.attributes import GuardAttribute
from surgeon.edits.calls import DropKeyword
from surgeon.edits.conditions import GuardCondition
from surgeon.edits.guards import is_guarded
from surgeon.edits.imports import GuardImport, RelocateImport
from surgeon.edits.names import Rename
from surgeon.edits.placing import insert_after_imports
from surgeon.edits.polyfills import Polyfill
from surgeon.edits.quotes import QuoteAnnotation
from surgeon.edits.visitors import Visitor

__all__ = [
    "DropKeyword",
    "GuardAttribute",
    "GuardCondition",
    "GuardImport",
    "Polyfill",
    "QuoteAnnotation",
    "RelocateImport",
    "Rename",
    "Visitor",
    "insert_after_imports",
    "is_guarded",
]
