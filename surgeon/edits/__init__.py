"""The edits that patches are made of.

Each is a frozen dataclass and thereby plain data: called with a `Tree`, it queues its replacements
there and returns how often it matched. Names are resolved through the file's imports, and code
that is already guarded is left alone. Importing this package does not import libcst.
"""

from surgeon.edits.anchored import ReplaceHeader, ReplaceStatements
from surgeon.edits.arguments import MakeContiguous
from surgeon.edits.attributes import GuardAttribute
from surgeon.edits.bounds import RaiseBound
from surgeon.edits.calls import DropKeyword
from surgeon.edits.conditions import GuardCondition
from surgeon.edits.defaults import OmitDefault
from surgeon.edits.deferrals import DeferDefault, ReturnEarly, Unwrap
from surgeon.edits.definitions import RMS_NORM, RMS_NORM_MODULE, SDP_BACKEND, SDPA_KERNEL
from surgeon.edits.guards import is_guarded
from surgeon.edits.imports import GuardImport, RelocateImport
from surgeon.edits.inplace import OutOfPlace
from surgeon.edits.names import Rename
from surgeon.edits.placing import insert_after_imports
from surgeon.edits.polyfills import Polyfill
from surgeon.edits.presets import Preset
from surgeon.edits.quotes import QuoteAnnotation
from surgeon.edits.redirects import DropCondition, RedirectCall
from surgeon.edits.supplies import Supply
from surgeon.edits.visitors import Visitor

__all__ = [
    "RMS_NORM",
    "RMS_NORM_MODULE",
    "SDPA_KERNEL",
    "SDP_BACKEND",
    "DeferDefault",
    "DropCondition",
    "DropKeyword",
    "GuardAttribute",
    "GuardCondition",
    "GuardImport",
    "MakeContiguous",
    "OmitDefault",
    "OutOfPlace",
    "Polyfill",
    "Preset",
    "QuoteAnnotation",
    "RaiseBound",
    "RedirectCall",
    "RelocateImport",
    "Rename",
    "ReplaceHeader",
    "ReplaceStatements",
    "ReturnEarly",
    "Supply",
    "Unwrap",
    "Visitor",
    "insert_after_imports",
    "is_guarded",
]
