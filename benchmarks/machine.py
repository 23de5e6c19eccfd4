"""Where and when something was measured."""

import os
import platform
import time


def described() -> dict[str, object]:
    """The machine, and how busy it was in the minute before."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
    }
