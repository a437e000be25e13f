"""The reference's way, written anew for the comparison: each part as a first tutorial would build it.

A subscriber that handles one message at a time at QoS 0, an HTTP request on a new connection for each, Flask's
development server, and `keras.predict` twice a reading. The broker is the product's, with the product's settings; no
gateway lies in between: both are in its favour.
"""
