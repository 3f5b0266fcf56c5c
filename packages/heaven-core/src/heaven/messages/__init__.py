"""The objects a handler meets: request, response, WebSocket, context, and bodies that send themselves."""
