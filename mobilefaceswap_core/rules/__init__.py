"""What a host and a user decide beforehand: consent, protected people, a log."""
