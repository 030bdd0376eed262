"""Live capture: frames from interfaces, pipes and growing files, kept and recorded while they come."""
