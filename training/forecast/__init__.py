"""From a fleet's history to a checked forecast bundle, and the evaluation of one through the very code that serves."""
