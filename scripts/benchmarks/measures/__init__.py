"""What is measured: each module holds measures of one kind."""
