"""Where a face is and how it is turned: geometry, landmarks, pose, and who gets which source."""
