"""OpenAPI 3.1 documents of an application's routes, and the pages that show them."""

from __future__ import annotations

from heaven_contrib.openapi.battery import OpenAPI
from heaven_contrib.openapi.descriptions import OpenAPIResponse, describe
from heaven_contrib.openapi.problems import Fault, Problem, ValidationProblem

__all__ = ["Fault", "OpenAPI", "OpenAPIResponse", "Problem", "ValidationProblem", "describe"]
