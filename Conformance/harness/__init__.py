"""What the cases stand on. A case file imports these names and nothing else of the harness."""
from . import host  # noqa: F401
from .registry import Skip, case, skip_unless  # noqa: F401
from .check import equal, has, lacks, eventually  # noqa: F401
