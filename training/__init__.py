"""From a labelled history file to a checked model bundle, and the evaluation of a bundle on any such file."""
