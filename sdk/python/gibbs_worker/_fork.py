"""To be imported before gRPC, which reads its settings when it is loaded."""

import os

# Processes are started while channels are open, and never use what they inherit of them. What
# gRPC does at a fork is then of no use, and can abort the new process before its program runs.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
