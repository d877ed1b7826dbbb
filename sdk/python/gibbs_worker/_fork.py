"""Must be imported before gRPC, which reads its settings when it is loaded."""

import os

# Processes are started while channels are open, and never use what they inherit from them. gRPC's
# fork handlers would serve no purpose then, and can abort the new process before its program runs.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
