"""How does a configuration become a running httpd?"""

from docker.errors import APIError
from docker.models.containers import Container

from harness.engine.client import LABEL, ServerError, engine, sweep
from harness.engine.images import base, image, purge

__all__ = ["LABEL", "APIError", "Container", "ServerError", "base", "engine", "image", "purge", "sweep"]
