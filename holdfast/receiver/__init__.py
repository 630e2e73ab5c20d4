"""Floor 5: webhooks only. Verify, store durably, answer 200; a process of its own, so that a storm cannot starve checkout.

Knows no Django: it asks the database two questions (`holdfast_find_account`, `holdfast_receive`) and nothing else.
"""
