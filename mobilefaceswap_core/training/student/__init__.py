"""Program ``student``, and the teacher outputs it learns from."""
