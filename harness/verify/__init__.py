"""Which clients does an httpd admit, and which does it refuse?"""

from harness.verify.coverage import Covered
from harness.verify.finding import Finding
from harness.verify.judgement import Result
from harness.verify.policy import NO_POLICY, Policy, PolicyError
from harness.verify.progress import Progress
from harness.verify.run import Run, verify
from harness.verify.target import REFERENCE, Target

__all__ = [
    "NO_POLICY",
    "REFERENCE",
    "Covered",
    "Finding",
    "Policy",
    "PolicyError",
    "Progress",
    "Result",
    "Run",
    "Target",
    "verify",
]
