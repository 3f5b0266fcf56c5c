"""The rules of ASGI, held against every message in both directions."""

from __future__ import annotations

from heaven_testing.conformance.rules import RULES, Rule
from heaven_testing.conformance.wrapper import Checker, checker_for, conforming

__all__ = ["RULES", "Checker", "Rule", "checker_for", "conforming"]
