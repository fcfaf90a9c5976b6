"""Methods that change the inputs."""
