"""The allowance service: programmes and their seats, who is entitled to one, what is paid, and its ledger."""
