"""Claims as data: one module a document decides that document's claims from tables alone."""
