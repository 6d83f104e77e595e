"""Keep the memory of a process, which holds API keys, out of core files."""

import resource
from pathlib import Path

# core(5): which mappings a core holds, as bits. A kernel that pipes cores into a program ignores
# RLIMIT_CORE, but not this.
COREDUMP_FILTER = Path("/proc/self/coredump_filter")


def forbid_core_dumps() -> None:
    """From now on this process, however it dies, leaves no image of its memory."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if COREDUMP_FILTER.exists():
        COREDUMP_FILTER.write_text("0x0")
