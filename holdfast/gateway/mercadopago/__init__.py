"""Mercado Pago: Checkout Pro preferences, payments with Pix, refunds, chargebacks, signed notifications.

Served under Mercado Pago's own paths beside Stripe's, which never meet. https://www.mercadopago.com.br/developers/en/reference
"""
