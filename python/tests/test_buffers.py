"""Bulk data passes by shared memory, and Python reads results where the node wrote them."""

import gc
import weakref

import numpy
import pytest

import windlass as wl


def _facts(client):
    return client.admin.node()


def _session(client):
    number = client._core.facts()["session"]
    return next(one for one in client.admin.sessions() if one.id == number)


@pytest.mark.parametrize(
    "data",
    [
        b"rope",
        bytearray(b"rope"),
        memoryview(b"rope"),
        numpy.frombuffer(b"rope", "u1"),
        numpy.frombuffer(b"rope", ">u2"),
        numpy.frombuffer(b"rope", "<i4"),
        numpy.frombuffer(b"rope", [("a", "u1"), ("b", "u1")]),
        numpy.frombuffer(b"rope", "u1").reshape(2, 2),
    ],
    ids=lambda data: f"{type(data).__name__}-{getattr(data, 'dtype', '')}",
)
def test_anything_with_the_buffer_protocol_is_sent(echo, data):
    assert echo.checksum(data) == echo.checksum(b"rope") == echo.digest(b"rope")


def test_what_has_no_bytes_in_a_row_is_refused_by_name(echo):
    with pytest.raises(TypeError, match=r"checksum\(\): argument \"data\": bytes wanted .* str found"):
        echo.checksum("rope")
    with pytest.raises(TypeError, match="is missing"):
        echo.checksum()
    with pytest.raises(TypeError) as raised:
        echo.checksum(numpy.arange(10)[::2])
    assert "one after another" in str(raised.value.__cause__)


def test_no_bytes_at_all_are_sent_too(echo):
    assert echo.checksum(b"") == echo.digest(b"")
    count, copy = echo.copy(b"")
    assert count == 0 and bytes(copy) == b"" and len(numpy.asarray(copy)) == 0


def test_a_result_is_read_in_place_and_never_written(echo):
    count, copy = echo.copy(b"rope and tackle")
    assert count == 15 and copy == b"rope and tackle" and bytes(copy) == b"rope and tackle"
    view = memoryview(copy)
    assert view.readonly and view.format == "B" and view[5:8] == b"and" and copy[0] == ord("r") and copy[-6:] == b"tackle"[:6]
    array = numpy.asarray(copy)
    assert not array.flags.writeable and not array.flags.owndata
    # No copy: both stand at one address.
    assert array.__array_interface__["data"][0] == numpy.asarray(copy).__array_interface__["data"][0]
    with pytest.raises((ValueError, TypeError)):
        array[0] = 1
    with pytest.raises(TypeError):
        view[0] = 1
    assert repr(copy) == '<windlass.ResultView of 15 bytes: b"rope and tackle">'


def test_an_answer_of_several_things_unpacks_and_has_names(echo):
    answer = echo.copy(b"abc", out=3)
    assert answer.value == 3 and answer.out == b"abc"
    assert isinstance(answer, wl.Reply)
    assert repr(answer).startswith("copy_reply(value=3, out=<windlass.ResultView of 3 bytes")


def test_a_result_holds_its_lease_until_the_last_view_is_gone(client, echo):
    gc.collect()
    before = _session(client).leases
    _, copy = echo.copy(b"x" * 100_000)
    assert _session(client).leases == before + 1
    array = numpy.asarray(copy)
    part = array[10:20]
    gone = weakref.ref(copy)
    del copy, array, _
    gc.collect()
    # The array's owner is the result itself.
    assert gone() is not None and _session(client).leases == before + 1
    assert bytes(part) == b"x" * 10
    del part
    gc.collect()
    assert gone() is None
    # The release travels with the next call.
    echo.ping(1)
    assert _session(client).leases == before


def test_frozen_bytes_are_sent_again_and_again_and_copied_nowhere(client, echo):
    data = numpy.arange(1_000_000, dtype="i4")
    frozen = wl.freeze(data)
    assert frozen.nbytes == data.nbytes and numpy.array_equal(numpy.asarray(frozen).view("i4"), data)
    assert not numpy.asarray(frozen).flags.writeable
    want = echo.checksum(data)
    before = _facts(client)
    for _ in range(10):
        assert echo.checksum(frozen) == want
    after = _facts(client)
    assert after.copied_bytes == before.copied_bytes
    assert after.frozen_bytes - before.frozen_bytes == 10 * data.nbytes


def test_a_loan_is_filled_in_place_sent_without_a_copy_and_here_again(client, echo):
    loan = client.lend(1000)
    assert bytes(memoryview(loan)) == bytes(1000)
    room = memoryview(loan)
    room[:5] = b"ropes"
    room.release()
    want = echo.checksum(b"ropes" + bytes(995))
    assert echo.checksum(loan) == want
    # After the call it is here, bytes and all.
    array = numpy.asarray(loan)
    assert array.flags.writeable and bytes(array[:5]) == b"ropes"
    array[:] = 7
    del array
    assert echo.checksum(loan) == echo.checksum(b"\7" * 1000)
    assert loan.write(b"end", at=997) == 1000
    with pytest.raises(ValueError, match="do not fit at 998"):
        loan.write(b"end", at=998)


def test_a_loan_with_a_view_is_not_sent(client, echo):
    loan = client.lend(8)
    view = memoryview(loan)
    with pytest.raises(BufferError, match="1 views of this loan live"):
        echo.checksum(loan)
    with pytest.raises(BufferError):
        loan.write(b"x")
    view.release()
    assert echo.checksum(loan) == echo.checksum(bytes(8))


def test_a_call_that_is_not_sent_leaves_its_loans_alone(client, echo):
    loan = client.lend(8)
    with pytest.raises(TypeError, match="its room in bytes wanted"):
        echo.copy(loan, out="much")
    with pytest.raises(TypeError, match="has no argument"):
        echo.copy(loan, outt=3)
    assert len(loan) == 8 and echo.checksum(loan) == echo.checksum(bytes(8))


def test_a_loan_is_out_while_its_call_is(client, echo):
    loan = client.lend(16)
    call = echo.checksum.send(loan)
    with pytest.raises(BufferError):
        memoryview(loan)
    with pytest.raises(ValueError, match="out with a call"):
        echo.checksum(loan)
    call.wait()
    assert len(loan) == 16


def test_memory_comes_back_when_loans_are_dropped(client):
    gc.collect()
    before = client._core.facts()["lent_bytes"]
    loans = [client.lend(100_000) for _ in range(5)]
    assert client._core.facts()["lent_bytes"] >= before + 500_000
    del loans
    assert client._core.facts()["lent_bytes"] == before


def test_buffers_that_are_changed_in_place_come_back_as_results(echo, shapes, client):
    assert echo.reverse(b"abc") == b"cba"
    assert shapes.turned(b"abc").value == 3
    count, data = shapes.turned(bytearray(b"rope"))
    assert (count, bytes(data)) == (4, b"epor")
    assert echo.reverse(client.freeze(b"abc")) == b"cba"


def test_the_callers_own_memory_is_written_in_place(client, echo):
    filled = echo.fill(7, out=100)
    assert filled == b"\7" * 100
    assert echo.fill(8, out=client.lend(10)) == b"\x08" * 10


def test_the_room_of_a_result_is_told_in_bytes(echo):
    with pytest.raises(wl.TooLarge, match="4 bytes do not fit the room of 3"):
        echo.copy(b"rope", out=3)
    with pytest.raises(TypeError, match="its room in bytes wanted, str found"):
        echo.copy(b"rope", out="much")
    with pytest.raises(TypeError, match="takes 1 positional"):
        echo.copy(b"rope", 100)
    count, copy = echo.copy(b"rope" * 1_000_000)
    assert count == len(copy) == 4_000_000


def test_too_much_memory_is_a_memory_error_in_words(client):
    with pytest.raises(wl.TooLarge):
        client.lend(1 << 50)
    limit = client._core.facts()
    if limit["loan_bytes_max"] >= limit["session_bytes_max"]:
        with pytest.raises(MemoryError):
            client.lend(limit["session_bytes_max"] + 1)


def test_results_stay_readable_after_their_client_was_closed(client, echo):
    with wl.connect(client.name) as other:
        _, copy = other.pool("echo").copy(b"stays")
        array = numpy.asarray(copy)
    assert bytes(array) == b"stays" and copy == b"stays"
