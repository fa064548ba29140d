"""A question answerer that retrieves, reads, retrieves again: built, optimised, judged, served and watched."""
