"""Faults at work: each takes part at the stages of a packet's way where it acts (`fault_specs` has them as data)."""
