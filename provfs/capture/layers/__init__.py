"""Filesystems that lie on others: caches, archives, directories; what they hold has an origin."""
