"""A bank that speaks the central bank's API Pix. https://github.com/bacen/pix-api (2.9.0)

Served under /pix: OAuth tokens, charges, received Pix and their returns, callbacks, the payload that a payer's bank reads, and a
page where a person pays as if with a phone.
"""
