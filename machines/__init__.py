"""The kinds of machines that can be watched, a TOML file each; fanwatch/sensors.py reads them."""
