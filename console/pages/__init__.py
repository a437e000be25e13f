"""One module a page, each with `register(console)`; a page's function builds its content within `shell.frame`."""
