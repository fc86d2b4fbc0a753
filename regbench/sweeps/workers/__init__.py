"""What happens in the processes that train."""
