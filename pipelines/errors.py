"""What the engine raises; every message says the cause and the way out in plain words."""


class UnclipError(ValueError):
    """Input that the engine refuses."""


class SpaceMismatchError(UnclipError):
    """An embedding met a model of another embedding space."""


class ModelError(UnclipError):
    """A model folder, or a file in it, cannot be used."""


class OutOfMemoryError(UnclipError):
    """The work does not fit the device, not even in its smallest parts."""


class Cancelled(Exception):
    """A progress callback raises this to stop sampling at once; the engine lets it pass."""


class UnclipWarning(UserWarning):
    """Something was adjusted that a person would want to know, such as a cut prompt."""
