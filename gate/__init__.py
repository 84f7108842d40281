"""The model gateway: sends a conversation to a model and turns what comes back into one assistant Message.

`openai_chat.py` speaks to every server with an OpenAI-compatible `/v1/chat/completions` (LM Studio, Ollama, llama.cpp,
vLLM, a hosted one); `rule_based.py` stands in where there is no model. Permissions are not gated here: they are
policies of the reasoning loop.

Read first: openai_chat.py
May import: core
"""
