"""./store bench: how fast the store is, beside the limits of the machine it runs on."""
