"""Stripe: hosted Checkout Sessions. Stripe makes the PaymentIntent when the customer confirms; we never do."""
