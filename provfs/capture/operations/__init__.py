"""Operations of fsspec filesystems that move bytes or names, and the handles that they give out."""
