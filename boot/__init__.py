"""Where the concrete parts are chosen, once: settings with their origin, and the wiring of an agent.

An `if` here chooses a class; nothing else is decided in this room. Programs begin with
`from boot.wire import open_agent`.

Read first: wire.py
May import: core, gate, tool, flow, store, model
"""
