"""Serve a Python class or function behind a gibbs hub, and send it requests."""

import logging

from . import _fork as _fork
from ._version import __version__
from .answer import Answer
from .client import Client
from .errors import Code, Execution, GibbsError, GibbsTimeoutError, UserCodeException
from .hub import Hub
from .job import Job, current_job
from .sync_client import SyncClient
from .worker import Worker

__all__ = [
    "Answer",
    "Client",
    "Code",
    "Execution",
    "GibbsError",
    "GibbsTimeoutError",
    "Hub",
    "Job",
    "SyncClient",
    "UserCodeException",
    "Worker",
    "__version__",
    "current_job",
]

# Silent unless the application configures logging, as is usual for libraries.
logging.getLogger(__name__).addHandler(logging.NullHandler())
