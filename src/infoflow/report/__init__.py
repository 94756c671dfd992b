"""The index page, the ledger, the manifest, reference results and executed notebooks."""
