"""What machines of a tenant do: one module for each kind of workload; `start` starts all of a scenario's."""
