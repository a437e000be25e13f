"""Model bundles: opened only once every file is what its description says, from a directory or from the model store."""
