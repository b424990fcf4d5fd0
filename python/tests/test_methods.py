"""Pools and methods look as if somebody had written them in Python."""

import inspect
import pydoc

import pytest

import windlass as wl


def test_methods_are_attributes_with_signatures_and_documentation(echo, client):
    assert str(inspect.signature(echo.ping)) == "(value: int, *, timeout: float | None = None) -> int"
    copy = inspect.signature(echo.copy)
    assert list(copy.parameters) == ["data", "out", "timeout"]
    assert copy.parameters["out"].kind is inspect.Parameter.KEYWORD_ONLY
    assert str(copy.return_annotation) == "copy_reply"
    assert "Answers the XXH3-64 of `data`." in echo.checksum.__doc__
    assert echo.checksum.__name__ == "checksum" and echo.checksum.__qualname__ == "echo.checksum"
    assert str(inspect.signature(client.pool("compress").compress)).endswith("-> ResultView")


def test_defaults_stand_in_the_signature(shapes):
    assert inspect.signature(shapes.times).parameters["factor"].default == 2


def test_completion_and_help_show_what_the_node_serves(echo):
    assert {"ping", "echo", "checksum", "pause"} <= set(dir(echo))
    told = pydoc.render_doc(echo, renderer=pydoc.plaintext)
    assert "The pool 'echo' of the module echo" in told and "checksum(data: Buffer" in told
    told = pydoc.render_doc(echo.pause, renderer=pydoc.plaintext)
    assert "Waits `us` microseconds while other calls go on." in told


def test_arguments_are_given_by_place_and_by_name(echo):
    assert echo.echo("rope") == echo.echo(text="rope") == "rope"
    assert echo.add(name="cats", by=2) == 2
    assert echo.add("cats", by=3) == 5


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, r"ping\(\) needs the argument \"value\", a u64"),
        ((1, 2), {}, r"ping\(\) takes 1 positional arguments, 2 were given"),
        ((1,), {"value": 2}, r"given the argument \"value\" twice"),
        ((), {"valu": 2}, r"has no argument \"valu\"; did you mean \"value\"\?"),
        ((1,), {"timeout": "soon"}, "timeout: seconds wanted, str found"),
    ],
)
def test_arguments_that_cannot_be_bound_are_type_errors(echo, args, kwargs, words):
    with pytest.raises(TypeError, match=words):
        echo.ping(*args, **kwargs)


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), 1e300])
def test_a_timeout_that_is_no_time_is_refused(echo, timeout):
    with pytest.raises(ValueError, match="is no time to wait"):
        echo.ping(1, timeout=timeout)


def test_a_wrong_method_is_an_attribute_error_with_the_nearest(echo):
    with pytest.raises(AttributeError, match='has no method \'chekcsum\'; did you mean "checksum"'):
        echo.chekcsum
    assert not hasattr(echo, "nothing_like_that")


def test_a_wrong_pool_names_those_that_exist(client):
    with pytest.raises(wl.UnknownPool, match="echo"):
        client.pool("nowhere")
    with pytest.raises(LookupError):
        client.pool("nowhere")


def test_pools_are_made_with_parameters_and_destroyed(client):
    small = client.create_pool("small", "compress", compress_id=1, level=3)
    assert small.decompress(small.compress(b"rope " * 100), out=500) == b"rope " * 100
    # The same again is the same pool; other parameters are not.
    assert client.create_pool("small", "compress", compress_id=1, level=3) is small
    with pytest.raises(wl.PoolExists):
        client.create_pool("small", "compress", compress_id=0)
    assert "small" in [pool.name for pool in client.pools()]
    client.destroy_pool("small")
    assert "small" not in [pool.name for pool in client.pools()]
    with pytest.raises(wl.UnknownPool):
        client.pool("small")


def test_what_create_does_not_have_is_refused_before_anything_is_made(client):
    with pytest.raises(TypeError, match='create\\(\\) has no argument "compres_id"; did you mean "compress_id"'):
        client.create_pool("other", "compress", compres_id=1)
    with pytest.raises(wl.UnknownModule, match='did you mean "compress"'):
        client.create_pool("other", "compres")
    with pytest.raises(wl.ModuleFault, match="compress_id 9 is unknown"):
        client.create_pool("other", "compress", compress_id=9)
    assert "other" not in [pool.name for pool in client.pools()]


def test_the_same_pool_is_the_same_object_until_it_is_another(client):
    assert client.pool("echo") is client.pool("echo")
    first = client.create_pool("again", "echo", limit=5)
    client.destroy_pool("again")
    second = client.create_pool("again", "echo", limit=6)
    assert second is not first and second.ping(1) == 1
    with pytest.raises(wl.UnknownPool):
        first.ping(1)
    client.destroy_pool("again")


def test_a_client_pool_and_method_show_themselves(client, echo):
    assert repr(echo).startswith("<windlass pool 'echo' of echo ")
    assert repr(echo.ping) == "<windlass method echo.ping(value: int, *, timeout: float | None = None) -> int>"
    assert repr(client).startswith("<windlass client of 'python-")
    assert "<table>" in client._repr_html_() and "compress" in client._repr_html_()
    assert "checksum" in echo._repr_html_() and "XXH3-64" in echo.checksum._repr_html_()


def test_what_a_node_says_is_escaped_in_html():
    from windlass.display import table

    shown = table("<b>", ["<i>"], [["<script>"], ["x" * 1000]])
    assert "<script>" not in shown and "<b>" not in shown and "<i>" not in shown
    assert len(shown) < 1000


def test_many_threads_call_one_client(echo):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(echo.ping, range(2000)))
    assert answers == list(range(2000))


def test_a_stream_that_a_method_sends_is_an_iterator(echo):
    numbers = echo.count(5, 100_000)
    assert next(numbers) == 5
    assert list(numbers) == list(range(6, 100_005))
    assert numbers.end() == 100_000
    assert str(inspect.signature(echo.count)).startswith("(from_: int, count: int, *, timeout")
    with echo.count(0, 2**60) as endless:
        assert next(endless) == 0
    assert list(echo.count(0, 0)) == []


def test_a_stream_that_a_method_reads_is_given_anything_to_iterate(echo):
    assert echo.total(range(100_000)) == (4_999_950_000, 100_000)
    assert echo.total(numbers=iter([1, 2])) == (3, 2)
    texts = echo.repeat(str(one) for one in range(20_000))
    assert list(texts) == [str(one) for one in range(20_000)]
    assert texts.end() == 20_000
    assert "numbers: Iterable[int]" in str(inspect.signature(echo.total))
    assert str(inspect.signature(echo.repeat)).endswith("-> Items[str]")


def test_what_is_wrong_with_a_stream_is_an_exception_of_its_own(echo):
    with pytest.raises(TypeError, match="numbers"):
        echo.total([1, "x"])
    with pytest.raises(TypeError, match="iterate"):
        echo.total(7)
    with pytest.raises(TypeError, match="needs items"):
        echo.total()
    with pytest.raises(TypeError, match="comes back"):
        echo.count(0, 1, out=[])

    def breaks():
        yield "a"
        raise KeyError("in the middle")

    with pytest.raises(KeyError, match="in the middle"):
        list(echo.repeat(breaks()))
    with pytest.raises(TypeError, match="has streams"):
        echo.count.send(0, 1)
    with pytest.raises(wl.faults.DeadlineExceeded):
        list(echo.count(0, 2**60, timeout=0.2))
