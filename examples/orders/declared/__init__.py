"""The shop a second time, in the declarative style; what is not about routes is the folder above's."""
