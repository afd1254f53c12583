"""What networks run on: devices, threads, sessions, graphs, memory."""
