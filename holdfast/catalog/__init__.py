"""What is sold: products with priced variants. A tour's variants are its participant types."""
