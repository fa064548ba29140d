"""The systems measured: each module is one of them."""
