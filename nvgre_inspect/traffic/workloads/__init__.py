"""What machines of a tenant do: one module for each kind of workload; `populate` starts all of a scenario's."""
