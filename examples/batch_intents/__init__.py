"""A batch of optimisations on a library's readers' wishes, without a network."""
