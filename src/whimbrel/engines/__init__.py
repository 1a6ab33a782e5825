"""The only place that knows an engine by its name."""
