"""What objects look like in answers: one shape a file."""
