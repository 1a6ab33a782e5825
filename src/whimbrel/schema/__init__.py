"""What a database contains, and how it maps onto another engine."""
