"""What is handed over once the money is durably ours: shipments, downloads, vouchers."""
