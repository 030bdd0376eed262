"""Tables written to files: CSV, JSON, Parquet, and the per-tenant export."""
