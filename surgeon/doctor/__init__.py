"""What is wrong with an environment, why it matters, and the commands that put it right. Reads only."""
