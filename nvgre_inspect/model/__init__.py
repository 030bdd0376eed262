"""What everything passes around: batches, records, states, snapshots, and the registry of columns."""
