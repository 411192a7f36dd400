"""Cases 6 and 7: processes and threads of one program, some of them killed."""

from __future__ import annotations

from tests.accuracy.cases import Case, edges, python, source

FILE_COUNT = 200
"""Files that the pools of case 6 read; the table says 1,000, which differs in nothing but
duration.
"""

START_METHODS = ("fork", "forkserver", "spawn")

_FILES = {f"data/part-{number:04d}.csv": f"row {number}\n" for number in range(FILE_COUNT)}
_ALL_TO_MODEL = edges(", ".join(f"{name} -> model.bin" for name in _FILES), "worker")

_READING = f"""
    import multiprocessing
    import os
    import signal
    import sys
    from concurrent.futures import ProcessPoolExecutor

    NAMES = [f"data/part-{{number:04d}}.csv" for number in range({FILE_COUNT})]

    def length(name):
        with open(name) as file:
            return len(file.read())

    def write_model(lengths):
        with open("model.bin", "w") as out:
            out.write(f"model of {{sum(lengths)}} characters")
    """


def _pool_case(variant: str, title: str, body: str) -> Case:
    return Case(
        6,
        variant,
        title,
        steps=(python("main.py"),),
        programs={"main.py": source(_READING, body)},
        files=_FILES,
        expected=_ALL_TO_MODEL,
    )


_POOLS = [
    case
    for method in START_METHODS
    for case in (
        _pool_case(
            f"pool-{method}",
            "a multiprocessing pool of 8 workers reads, the parent writes the model",
            f"""
            if __name__ == "__main__":
                with multiprocessing.get_context("{method}").Pool(8) as pool:
                    lengths = pool.map(length, NAMES, chunksize=5)
                write_model(lengths)
            """,
        ),
        _pool_case(
            f"executor-{method}",
            "a process pool executor reads, the parent writes the model",
            f"""
            if __name__ == "__main__":
                context = multiprocessing.get_context("{method}")
                with ProcessPoolExecutor(4, mp_context=context) as pool:
                    lengths = list(pool.map(length, NAMES, chunksize=5))
                write_model(lengths)
            """,
        ),
        _pool_case(
            f"killed-{method}",
            "half of 8 workers kill themselves after reading; what they read still counts",
            f"""
            def work(number, connection):
                connection.send(sum(map(length, NAMES[number::8])))
                if number % 2:
                    os.kill(os.getpid(), signal.SIGKILL)

            if __name__ == "__main__":
                context = multiprocessing.get_context("{method}")
                lengths, workers = [], []
                for number in range(8):
                    receiver, sender = context.Pipe(duplex=False)
                    worker = context.Process(target=work, args=(number, sender))
                    worker.start()
                    workers.append((worker, receiver))
                for worker, receiver in workers:
                    lengths.append(receiver.recv())
                    worker.join()
                write_model(lengths)
            """,
        ),
    )
]

_FORKED = _pool_case(
    "os-fork",
    "workers made with os.fork alone, ended with os._exit",
    """
    children = []
    for number in range(8):
        child = os.fork()
        if not child:
            sum(map(length, NAMES[number::8]))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    write_model([len(NAMES)])
    """,
)

_QUEUES = [
    Case(
        7,
        f"queue-{method}",
        "the parent reads A, sends it over a queue, a worker writes B",
        steps=(python("main.py"),),
        programs={
            "main.py": source(
                f"""
                import multiprocessing

                def work(queue):
                    text = queue.get()
                    with open("b.csv", "w") as out:
                        out.write("b of " + text)

                if __name__ == "__main__":
                    context = multiprocessing.get_context("{method}")
                    queue = context.Queue()
                    worker = context.Process(target=work, args=(queue,))
                    worker.start()
                    with open("a.csv") as file:
                        queue.put(file.read())
                    worker.join()
                """
            )
        },
        files={"a.csv": "1,2\n"},
        expected=edges("a.csv -> b.csv", "worker"),
    )
    for method in START_METHODS
]

_THREADS = Case(
    7,
    "thread-pool",
    "a thread reads, another writes: the same process, but not the same thread",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            from concurrent.futures import ThreadPoolExecutor

            def load(name):
                with open(name) as file:
                    return file.read()

            with ThreadPoolExecutor(2) as pool:
                texts = list(pool.map(load, ["a.csv", "b.csv"]))
            with open("x.csv", "w") as out:
                out.write("x of " + "".join(texts))
            """
        )
    },
    files={"a.csv": "1,2\n", "b.csv": "3,4\n"},
    expected=edges("a.csv -> x.csv, b.csv -> x.csv", confidence=0.9),
)

_SIBLING_WORKERS = Case(
    7,
    "between-workers",
    "one worker reads A, the parent hands it on, another worker writes B",
    steps=(python("main.py"),),
    programs={
        "main.py": source(
            """
            from concurrent.futures import ProcessPoolExecutor

            def load(name):
                with open(name) as file:
                    return file.read()

            def save(text):
                with open("b.csv", "w") as out:
                    out.write("b of " + text)

            if __name__ == "__main__":
                with ProcessPoolExecutor(1) as first, ProcessPoolExecutor(1) as second:
                    text = first.submit(load, "a.csv").result()
                    second.submit(save, text).result()
            """
        )
    },
    files={"a.csv": "1,2\n"},
    expected=edges("a.csv -> b.csv", "worker"),
)

_RANKS = Case(
    7,
    "ranks",
    "two jobs of two ranks at once: a rank writes what the other rank of its job has read",
    steps=(python("launch.py"),),
    programs={
        "launch.py": source(
            """
            import os
            import socket
            import subprocess
            import sys

            ranks = []
            for job, read, written in ((1, "a.csv", "x.csv"), (2, "b.csv", "y.csv")):
                ends = socket.socketpair()
                for rank, end in enumerate(ends):
                    place = {"MASTER_ADDR": "node", "MASTER_PORT": str(job), "WORLD_SIZE": "2"}
                    environment = {**os.environ, **place, "RANK": str(rank)}
                    command = [sys.executable, "rank.py", str(end.fileno()), (read, written)[rank]]
                    ranks.append(
                        subprocess.Popen(command, env=environment, pass_fds=[end.fileno()])
                    )
                for end in ends:
                    end.close()
            sys.exit(sum(rank.wait() for rank in ranks))
            """
        ),
        "rank.py": source(
            """
            import os
            import socket
            import sys

            end, name = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
            end.sendall(b"here")
            end.recv(4)
            if os.environ["RANK"] == "0":
                with open(name, "rb") as file:
                    end.sendall(file.read())
                end.recv(5)
            else:
                with open(name, "wb") as file:
                    file.write(b"from rank 0: " + end.recv(100))
                end.sendall(b"saved")
            """
        ),
    },
    files={"a.csv": "1,2\n", "b.csv": "3,4\n"},
    expected=edges("a.csv -> x.csv, b.csv -> y.csv", "peer"),
)

CASES = (*_POOLS, _FORKED, *_QUEUES, _THREADS, _SIBLING_WORKERS, _RANKS)
