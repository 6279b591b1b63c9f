"""Measures of a set of molecules, as the field defines them; `report.evaluate` gives them all."""
