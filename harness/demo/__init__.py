"""What does a person see who visits the reference deployment with a browser, and is it what he must see?"""

from harness.demo.tour import Told, Tour, own_certificate, tour
from harness.demo.visit import Tell
from harness.demo.watch import watch

__all__ = ["Tell", "Told", "Tour", "own_certificate", "tour", "watch"]
