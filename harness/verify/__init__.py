"""Who gets in at an httpd, and who does not?"""

from harness.verify.findings import Finding
from harness.verify.judgement import Result
from harness.verify.run import REFERENCE, Progress, Run, Subject, of, verify

__all__ = ["REFERENCE", "Finding", "Progress", "Result", "Run", "Subject", "of", "verify"]
