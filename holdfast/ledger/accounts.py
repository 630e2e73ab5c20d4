"""The chart of accounts. docs/ledger.md has one example entry for each movement."""

#: Liability: money taken for orders that are not yet sold, or that has to go back.
CUSTOMER_DEPOSITS = "customer_deposits"
#: Liability: money that fits nothing we asked for.
UNAPPLIED = "unapplied_funds"
#: Income, net of tax.
SALES = "sales"
SHIPPING = "shipping_income"
FEES = "fee_income"
#: Liability: tax collected.
TAX_PAYABLE = "tax_payable"
#: Expense: what providers keep for their work.
PROVIDER_FEES = "provider_fees"
#: Asset: money that a dispute took, until it is decided who keeps it.
DISPUTED = "disputed"
#: Memorandum: money held for us but not captured.
AUTHORIZED = "authorized"
AUTHORIZED_CONTRA = "authorized_contra"


def receivable(provider: str) -> str:
    """Asset: what a provider took for us and has not paid out."""
    return f"receivable:{provider}"
