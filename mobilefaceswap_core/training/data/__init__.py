"""Faces to train on."""
