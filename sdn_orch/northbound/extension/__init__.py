"""CloudStack's NetworkOrchestrator extension: commands of its management servers, as use cases.

A command may come again, out of order, and from several servers at once: each is one transaction that makes
so what it says, whatever was there before.
"""
