"""What the agent knows of the files below its roots, and how that is brought up to date."""
