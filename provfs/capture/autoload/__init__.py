"""What `provfs run` puts on the path of every Python process below it."""
