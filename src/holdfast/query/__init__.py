"""What statements are made of: filters, order, keyset, scope, preconditions and writes.

Everything here works on a sync ``Session``: an async route calls it by ``AsyncSession.run_sync``.
"""
