"""Errors that a user can mend."""


class InputError(Exception):
    """Something the user gave is wrong; the message says what, where and what to do. Printed without a trace."""
