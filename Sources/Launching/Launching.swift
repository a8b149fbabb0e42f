/// Everything before the clone, and the parent's half of the protocol with the child.
