"""How does a configuration become a running httpd, and what does that httpd say of itself?"""

from harness.server.engine import LABEL, ServerError, engine, sweep
from harness.server.images import base, image, purge

__all__ = ["LABEL", "ServerError", "base", "engine", "image", "purge", "sweep"]
