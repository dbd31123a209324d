"""One release policy, three forms: an AWS key policy, a GCP workload-identity condition, an offline decision."""
