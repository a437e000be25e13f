"""Functions called over HTTP, through any OpenFaaS gateway or at the address that they tell."""
