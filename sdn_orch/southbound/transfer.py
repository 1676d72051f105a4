"""A plan as messages: bundles, barriers, and which operation an error speaks of.

Encoding and sending overlap with the switch's own work: messages leave in writes of about 60 KB, which is
twice as fast as one by one, and the switch takes them in while the next are encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sdn_orch.dataplane.pipeline import narrows
from sdn_orch.dataplane.plan import Operation, Plan, Verb
from sdn_orch.errors import MalformedMessage, SwitchRefused
from sdn_orch.openflow import messages
from sdn_orch.openflow.bundle import BundleStep, bundle_add, bundle_control
from sdn_orch.openflow.codec import decode_flow
from sdn_orch.openflow.events import ErrorMessage
from sdn_orch.openflow.groups import Change, group_mod
from sdn_orch.openflow.messages import FlowCommand, flow_mod
from sdn_orch.openflow.meters import meter_mod
from sdn_orch.openflow.text import flow_to_ofctl, group_to_ofctl, meter_to_ofctl
from sdn_orch.openflow.values import FlowEntry, Group, Meter

if TYPE_CHECKING:
    from sdn_orch.southbound.session import Session

_WRITE_SIZE = 60_000
#: A changed flow is added anew, which replaces it together with its cookie; a modify would keep that.
_FLOW_COMMANDS = {
    Verb.ADD: FlowCommand.ADD,
    Verb.MODIFY: FlowCommand.ADD,
    Verb.DELETE: FlowCommand.DELETE_STRICT,
}
_CHANGES = {Verb.ADD: Change.ADD, Verb.MODIFY: Change.MODIFY, Verb.DELETE: Change.DELETE}


def transfer(session: Session, plan: Plan) -> None:
    """Send the plan and wait for its last answer.

    Raises SwitchRefused, Disconnected, and TimeoutError when an answer does not come.
    """
    for chunk in plan.chunks:
        if session.introduction.has_bundles:
            _transfer_atomically(session, chunk)
        else:
            _transfer_in_order(session, chunk)


def _transfer_atomically(session: Session, chunk: Sequence[Operation]) -> None:
    """One bundle. Meters do not go into bundles: new ones come before it, old ones go after it."""
    early = [item for item in chunk if isinstance(item.subject, Meter) and item.verb != Verb.DELETE]
    late = [item for item in chunk if isinstance(item.subject, Meter) and item.verb == Verb.DELETE]
    bundled: Sequence[Operation] = chunk
    if early or late:
        bundled = [item for item in chunk if not isinstance(item.subject, Meter)]
    try:
        _transfer_in_order(session, early)
        if bundled:
            _bundle(session, bundled)
    except SwitchRefused as refusal:
        # A meter that was refused may be there all the same: somebody else's, of the same number.
        added = [item for item in early if item.verb == Verb.ADD and item.subject not in refusal.subjects]
        _transfer_in_order(session, [Operation(Verb.DELETE, item.subject) for item in added])
        raise
    _transfer_in_order(session, late)


def _transfer_in_order(session: Session, chunk: Sequence[Operation]) -> None:
    """One by one, with a barrier wherever the kind of operation changes: between two barriers a switch
    may take messages in any order."""
    if not chunk:
        return
    version = session.version
    with session.exchanges.open(2 * len(chunk)) as exchange:
        parts: list[bytes] = []
        xid = exchange.first
        operations: dict[int, Operation] = {}
        before: tuple[object, ...] | None = None
        for operation in chunk:
            this = kind(operation)
            if before is not None and this != before:
                parts.append(messages.barrier_request(version, xid))
                xid += 1
            before = this
            parts.append(_encode(operation, version, xid))
            operations[xid] = operation
            xid += 1
        parts.append(messages.barrier_request(version, xid))
        _stream(session, parts)
        errors = exchange.errors_until(xid, session.timing.answer)
    _raise_refusals(session, errors, operations)


def kind(operation: Operation) -> tuple[object, ...]:
    """What operations have in common between which there is no barrier."""
    subject = operation.subject
    if isinstance(subject, FlowEntry):
        return (operation.verb, subject.table, narrows(subject))
    # Groups may point at groups: each has to be there before the next.
    return (operation.verb, type(subject), subject.number)


def _bundle(session: Session, chunk: Sequence[Operation]) -> None:
    version, count = session.version, len(chunk)
    with session.exchanges.open(count + 4) as exchange:
        opened = bundle = exchange.first
        first = opened + 1
        close, commit, discard = first + count, first + count + 1, first + count + 2

        def control(step: BundleStep, xid: int) -> bytes:
            return bundle_control(step, bundle, version, xid)

        _stream(session, [control(BundleStep.OPEN_REQUEST, opened)])
        _stream(
            session,
            (
                bundle_add(_encode(operation, version, xid), bundle)
                for xid, operation in enumerate(chunk, first)
            ),
        )
        session.send(control(BundleStep.CLOSE_REQUEST, close))
        errors = exchange.errors_until(close, session.timing.answer)
        if errors:
            # A message that was not taken in is missing, and a commit would carry out the others.
            session.send(control(BundleStep.DISCARD_REQUEST, discard))
            exchange.errors_until(discard, session.timing.answer)
        else:
            session.send(control(BundleStep.COMMIT_REQUEST, commit))
            errors = exchange.errors_until(commit, session.timing.answer)
    _raise_refusals(session, errors, dict(enumerate(chunk, first)) if errors else {})


def _stream(session: Session, parts: Iterable[bytes]) -> None:
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _WRITE_SIZE:
            session.send(b"".join(waiting))
            waiting.clear()
            size = 0
    if waiting:
        session.send(b"".join(waiting))


def _encode(operation: Operation, version: int, xid: int) -> bytes:
    subject, verb = operation.subject, operation.verb
    if isinstance(subject, FlowEntry):
        return flow_mod(subject, _FLOW_COMMANDS[verb], version, xid)
    if isinstance(subject, Group):
        return group_mod(subject, _CHANGES[verb], version, xid)
    return meter_mod(subject, _CHANGES[verb], version, xid)


def _raise_refusals(
    session: Session, errors: Sequence[ErrorMessage], operations: dict[int, Operation]
) -> None:
    """Raise SwitchRefused naming the operations; the bundle's own failure only when it is all there is."""
    if not errors:
        return
    named = [(operations[error.xid], error) for error in errors if error.xid in operations]
    if named:
        failures = tuple((describe(operation, session.version), error.text) for operation, error in named)
        raise SwitchRefused(session.dpid, failures, tuple(operation.subject for operation, _ in named))
    raise SwitchRefused(session.dpid, tuple(("bundle", error.text) for error in errors))


def describe(operation: Operation, version: int) -> str:
    """The operation in a line, for people."""
    subject, verb = operation.subject, operation.verb.value
    if isinstance(subject, Group):
        return f"{verb} group {group_to_ofctl(subject)}"
    if isinstance(subject, Meter):
        return f"{verb} meter {meter_to_ofctl(subject)}"
    try:
        return f"{verb} flow {flow_to_ofctl(decode_flow(subject, version), cookie=subject.cookie)}"
    except MalformedMessage:
        # A foreign flow that we delete, in words that we do not speak.
        return f"{verb} flow table={subject.table},priority={subject.priority} match {subject.match.hex()}"
