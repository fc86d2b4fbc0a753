"""regbench: which regularization does this network need, on this data, and how much does it help?"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import what the package offers when it is first asked for: `import regbench` alone imports no torch."""
    if name == "load_model":
        from regbench.runs.load_model import load_model

        return load_model
    raise AttributeError(f"module 'regbench' has no attribute {name!r}")
