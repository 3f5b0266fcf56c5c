"""What a function's signature asks for, read from a request: decided at wiring, looped over at run time."""
