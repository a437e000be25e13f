"""Who gets to the page: users, log-in, sessions, and the layer before every page."""
