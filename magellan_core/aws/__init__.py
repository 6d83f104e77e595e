"""What Magellan uses of AWS: the only importers of boto3."""
