"""The service that mosec_server.py starts: worker processes that return their input."""

import os

from mosec import Server, Worker


class Echo(Worker):
    def forward(self, data):
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(Echo, num=int(os.environ["BENCH_PROCESSES"]))
    server.run()
