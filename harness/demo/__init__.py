"""What does a browser show at the reference deployment, and is that correct?"""

from harness.demo.tour import Narrator, Tour, own_certificate, tour
from harness.demo.visit import Tell
from harness.demo.watch import watch

__all__ = ["Narrator", "Tell", "Tour", "own_certificate", "tour", "watch"]
