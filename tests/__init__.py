"""Tests: units, properties, vectors, simulation, processes, clients, and the house rules."""
