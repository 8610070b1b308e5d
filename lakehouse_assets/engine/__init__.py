"""Which Spark answers. `session` starts the engine; everything above only sees a Spark Connect session."""
