"""The kernel every service stands on. It imports no service and knows no word of the domain outside `contracts`."""
