"""Credentials of a deployment: its certificates, and who may do what at the broker.

All of it lies in one folder that no repository, image or log ever sees. Each consumer gets a folder of its own in it,
to be mounted whole: `mosquitto`, `services/<user>`, `devices/<name>`. `ca` holds the keys that sign; it goes nowhere.
"""
