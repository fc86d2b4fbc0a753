"""regbench: which regularization does this network need, on this data, and how much does it help?"""

__version__ = "0.1.0"
