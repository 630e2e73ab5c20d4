"""A bank transfer by the customer: nobody is asked, the merchant's bank statement tells. No network.

How a transfer arrives is in `flows.transfers`; here is what the customer is shown, and how a bank's statement is read.
"""
