def access_line(
    execution: str,
    id_: int,
    uri: str,
    opened_ns: int,
    closed_ns: int,
    bytes_: int,
    state: bytes | str,
    digest: str,
    thread: int,
    channel: str,
    /,
) -> bytes: ...
def append(descriptor: int, process: int, device: int, inode: int, data: bytes, /) -> int: ...
def open_direct(path: str, /) -> tuple[int, bytes | str | None, int] | None: ...
def state_of(descriptor: int, /) -> bytes | str | None: ...
def look_again(descriptor: int, state: bytes | str, elapsed_ns: int, tick_ns: int, /) -> int: ...
