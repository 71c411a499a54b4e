"""`nexus objects fsck`: whether rows and blobs say the same, asked of a running platform from the machine itself."""
