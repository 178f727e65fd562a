"""One script per question, one report; every figure stands beside this machine's limit.

Run from the checkout: `python -m benchmarks.signatures [--json] [--quick]`.
"""
