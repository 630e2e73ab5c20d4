"""Mercado Pago: Checkout Pro for cards, the Payments API for Pix. What it sends only points; what counts is asked for."""
