"""Handlers, and where they stand: Gateways, Includes, Hosts and views."""
