"""DNS messages: what guests ask and what they are told (RFC 1035, RFC 6891).

Reading gives None for bytes that are no such message, and never raises.
"""

from __future__ import annotations

from typing import Final

from dns import flags, rcode, rdataclass, rdatatype
from dns.exception import DNSException
from dns.message import Message, QueryMessage, from_wire, make_query, make_response
from dns.rcode import Rcode

PORT: Final = 53
#: Bytes that every client takes, and that we take: what is larger is cut off (RFC 9715).
SMALLEST: Final = 512
LARGEST: Final = 1232
#: What a stream has room for.
_LONGEST: Final = 65_535
_HEADER: Final = 12
_IS_ANSWER: Final = 0x80
#: OPT and a signature.
_MOST_ADDITIONAL: Final = 2
#: Questions about a whole zone or the message itself; the one for all of a name is none of them.
_META: Final = range(128, 255)


def read_query(data: bytes) -> QueryMessage | None:
    """A question about one name."""
    if len(data) < _HEADER or data[2] & _IS_ANSWER or data[4:10] != b"\0\1\0\0\0\0":
        return None
    if int.from_bytes(data[10:12]) > _MOST_ADDITIONAL:
        return None
    message = _read(data)
    return message if isinstance(message, QueryMessage) and len(message.question) == 1 else None


def read_answer(data: bytes, query: QueryMessage) -> Message | None:
    """The answer to this very question."""
    message = _read(data)
    return message if message is not None and query.is_response(message) else None


def _read(data: bytes) -> Message | None:
    try:
        return from_wire(data)
    except (DNSException, ValueError):
        return None


def refusal(query: QueryMessage) -> Rcode | None:
    """Why a question gets no other answer, whatever name it is about."""
    question = query.question[0]
    if query.edns > 0:
        return rcode.BADVERS
    is_meta = question.rdtype in _META or question.rdtype in (rdatatype.NONE, rdatatype.OPT)
    return rcode.REFUSED if is_meta or question.rdclass != rdataclass.IN else None


def onward(query: QueryMessage) -> QueryMessage:
    """The same question as one of ours, still under no id of its own and without the client's options."""
    question = query.question[0]
    return make_query(
        question.name,
        question.rdtype,
        question.rdclass,
        use_edns=0 if query.edns >= 0 else False,
        want_dnssec=bool(query.ednsflags & flags.DO),
        payload=LARGEST,
        flags=query.flags & (flags.RD | flags.CD | flags.AD),
    )


def response(query: QueryMessage, code: Rcode) -> Message:
    """An answer to the question, as yet without records."""
    message = make_response(query, recursion_available=True, our_payload=LARGEST)
    if message.edns >= 0:
        message.ednsflags |= query.ednsflags & flags.DO
    # Without EDNS there is no room for the larger ones.
    message.set_rcode(code if code < 16 or message.edns >= 0 else rcode.SERVFAIL)
    return message


def passed_on(query: QueryMessage, answer: Message) -> Message:
    """What a resolver has answered, as the answer to the guest's question."""
    message = response(query, answer.rcode())
    message.flags |= answer.flags & (flags.TC | flags.AD)
    message.answer, message.authority, message.additional = answer.answer, answer.authority, answer.additional
    return message


def write(query: QueryMessage, message: Message, room: int) -> bytes:
    """The answer's bytes, in as many as the client and its link (`room`) take; cut off where it is longer."""
    client = query.payload if query.edns >= 0 else SMALLEST
    largest = max(SMALLEST, min(client, room))
    return message.to_wire(max_size=largest, prefer_truncation=True)


def stream(message: Message) -> bytes:
    """The message as it stands in a stream of them, behind its length (RFC 1035, section 4.2.2)."""
    return message.to_wire(max_size=_LONGEST, prepend_length=True, prefer_truncation=True)


def from_stream(data: bytes) -> bytes | None:
    """The first message of a stream; None while it is not whole."""
    length = int.from_bytes(data[:2])
    return data[2 : 2 + length] if 2 <= len(data) >= 2 + length else None
