"""What the commands do, without a terminal: look, decide, plan, carry out, sum up."""
