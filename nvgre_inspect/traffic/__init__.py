"""Synthetic tenants: scenarios, their simulation, and the captures and the truth of it (docs/scenarios.md)."""
