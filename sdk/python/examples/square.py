"""A worker that squares numbers, for the hub at GIBBS_HUB (default: 127.0.0.1:5019)."""

from gibbs_worker import Worker


def square(x: float) -> float:
    return x**2


if __name__ == "__main__":
    Worker(square, gibbs_method="square").run()
