"""Review queues out to other tools, decisions back in: one file per tool."""
