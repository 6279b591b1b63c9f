"""Training data: files of strings to encoded rows to padded batches."""
