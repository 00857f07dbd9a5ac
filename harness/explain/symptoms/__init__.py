"""The messages that are recognised: one module for each program that writes them."""

from harness.explain.symptoms import alert, client, client_file, error_log, library
from harness.explain.symptoms.symptom import Symptom

SYMPTOMS: tuple[Symptom, ...] = (
    *error_log.SYMPTOMS,
    *client_file.SYMPTOMS,
    *alert.SYMPTOMS,
    *library.SYMPTOMS,
    *client.SYMPTOMS,
)
"""In the order in which they are tried: of a line, only the first that matches counts. httpd's own log comes first,
since it tells more than an alert, and an alert tells more than a connection that was closed."""
