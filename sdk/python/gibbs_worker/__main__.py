"""`python -m gibbs_worker module:Model --count 4`."""

from .cli import main

if __name__ == "__main__":
    main()
