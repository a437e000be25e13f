"""How the gateway follows stack.yml and the generations of replicas."""

import threading
from pathlib import Path

from tests.local.gateways import NAME, World, available
from tests.support.wait import until


def test_changes_of_stack_yml_are_followed(world: World) -> None:
    world.declare("one")
    gateway = world.gateway()
    world.replica("two", NAME.format(said="2"))
    assert gateway.call("POST", "/function/two", b"x").status == 404
    world.declare("two")
    until(lambda: gateway.call("POST", "/function/two", b"x").body == b"2", 5, "the new function")
    (world.directory / "stack.yml").write_text("functions: [", encoding="utf-8")
    until(lambda: "stack.yml" in gateway.output(), 5, "the broken stack.yml told")
    assert gateway.call("POST", "/function/two", b"x").body == b"2"
    del world.stack["functions"]["two"]
    world.write()
    until(lambda: gateway.call("POST", "/function/two", b"x").status == 404, 5, "the function gone")


def test_a_new_generation_takes_over_once_it_is_ready_and_not_before(world: World, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    slow = f"""
        import pathlib, time
        def warm():
            while not pathlib.Path({str(gate)!r}).exists():
                time.sleep(0.01)
        def handle(event, context):
            return "new"
    """
    world.declare("one")
    world.replica("one", NAME.format(said="old"), generation="f" * 8)
    gateway = world.gateway()
    available(gateway, "one", 1)
    statuses: set[int] = set()
    stop = threading.Event()

    def keep_calling() -> None:
        while not stop.is_set():
            statuses.add(gateway.call("POST", "/function/one", b"x").status)

    caller = threading.Thread(target=keep_calling)
    caller.start()
    starter = threading.Thread(target=world.replica, args=("one", slow), kwargs={"generation": "0" * 8})
    starter.start()
    until(lambda: len(list(world.sockets.iterdir())) == 2, 10, "the new process listening")
    seen = {gateway.call("POST", "/function/one", b"x").body for _ in range(20)}
    assert seen == {b"old"}
    gate.touch()
    starter.join()
    until(lambda: gateway.call("POST", "/function/one", b"x").body == b"new", 5, "the new generation")
    old = world.servers[0]
    assert old.stop()[0] == 0
    assert {gateway.call("POST", "/function/one", b"x").body for _ in range(20)} == {b"new"}
    stop.set()
    caller.join()
    assert statuses == {200}


def test_the_old_generation_serves_again_when_the_new_one_dies(world: World) -> None:
    world.declare("one")
    world.replica("one", NAME.format(said="old"), generation="a" * 8)
    gateway = world.gateway()
    available(gateway, "one", 1)
    new = world.replica("one", NAME.format(said="new"), generation="b" * 8)
    until(lambda: gateway.call("POST", "/function/one", b"x").body == b"new", 5, "the new generation")
    new.kill()
    until(lambda: gateway.call("POST", "/function/one", b"x").body == b"old", 5, "the old generation")
