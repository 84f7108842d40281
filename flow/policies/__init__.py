"""What may steer a run, one policy a file, each tested alone.

Policies that can end a run take `since`, the number of entries the session had when the run began: a session that
reached a limit can be resumed, and the limit counts afresh.

Read first: step_limit.py
May import: core
"""
