"""Names of the OpenFlow errors (OpenFlow Switch Specification 1.5.1, section 7.5.4; 1.3 has some of them)."""

from __future__ import annotations

_ONF = 0x4F4E4600
_EXPERIMENTERS = {0x00002320: "Nicira", _ONF: "ONF"}
_BUNDLE_FAILED = 17
#: The bundle extension of 1.3 counts the same errors from here (ONF EXT-230).
_FIRST_ONF_BUNDLE = 2300

#: By type: its name, and the names of its codes from 0.
_ERRORS: dict[int, tuple[str, tuple[str, ...]]] = {
    number: (name, tuple(codes.split()))
    for number, name, codes in (
        (0, "HELLO_FAILED", "INCOMPATIBLE EPERM"),
        (
            1,
            "BAD_REQUEST",
            "BAD_VERSION BAD_TYPE BAD_MULTIPART BAD_EXPERIMENTER BAD_EXP_TYPE EPERM BAD_LEN BUFFER_EMPTY"
            " BUFFER_UNKNOWN BAD_TABLE_ID IS_SLAVE BAD_PORT BAD_PACKET MULTIPART_BUFFER_OVERFLOW"
            " MULTIPART_REQUEST_TIMEOUT MULTIPART_REPLY_TIMEOUT MULTIPART_BAD_SCHED PIPELINE_FIELDS_ONLY"
            " UNKNOWN",
        ),
        (
            2,
            "BAD_ACTION",
            "BAD_TYPE BAD_LEN BAD_EXPERIMENTER BAD_EXP_TYPE BAD_OUT_PORT BAD_ARGUMENT EPERM TOO_MANY"
            " BAD_QUEUE BAD_OUT_GROUP MATCH_INCONSISTENT UNSUPPORTED_ORDER BAD_TAG BAD_SET_TYPE BAD_SET_LEN"
            " BAD_SET_ARGUMENT BAD_SET_MASK BAD_METER",
        ),
        (
            3,
            "BAD_INSTRUCTION",
            "UNKNOWN_INST UNSUP_INST BAD_TABLE_ID UNSUP_METADATA UNSUP_METADATA_MASK BAD_EXPERIMENTER"
            " BAD_EXP_TYPE BAD_LEN EPERM DUP_INST",
        ),
        (
            4,
            "BAD_MATCH",
            "BAD_TYPE BAD_LEN BAD_TAG BAD_DL_ADDR_MASK BAD_NW_ADDR_MASK BAD_WILDCARDS BAD_FIELD BAD_VALUE"
            " BAD_MASK BAD_PREREQ DUP_FIELD EPERM",
        ),
        (
            5,
            "FLOW_MOD_FAILED",
            "UNKNOWN TABLE_FULL BAD_TABLE_ID OVERLAP EPERM BAD_TIMEOUT BAD_COMMAND BAD_FLAGS CANT_SYNC"
            " BAD_PRIORITY IS_SYNC",
        ),
        (
            6,
            "GROUP_MOD_FAILED",
            "GROUP_EXISTS INVALID_GROUP WEIGHT_UNSUPPORTED OUT_OF_GROUPS OUT_OF_BUCKETS CHAINING_UNSUPPORTED"
            " WATCH_UNSUPPORTED LOOP UNKNOWN_GROUP CHAINED_GROUP BAD_TYPE BAD_COMMAND BAD_BUCKET BAD_WATCH"
            " EPERM UNKNOWN_BUCKET BUCKET_EXISTS",
        ),
        (7, "PORT_MOD_FAILED", "BAD_PORT BAD_HW_ADDR BAD_CONFIG BAD_ADVERTISE EPERM"),
        (8, "TABLE_MOD_FAILED", "BAD_TABLE BAD_CONFIG EPERM"),
        (9, "QUEUE_OP_FAILED", "BAD_PORT BAD_QUEUE EPERM"),
        (10, "SWITCH_CONFIG_FAILED", "BAD_FLAGS BAD_LEN EPERM"),
        (11, "ROLE_REQUEST_FAILED", "STALE UNSUP BAD_ROLE ID_UNSUP ID_IN_USE"),
        (
            12,
            "METER_MOD_FAILED",
            "UNKNOWN METER_EXISTS INVALID_METER UNKNOWN_METER BAD_COMMAND BAD_FLAGS BAD_RATE BAD_BURST"
            " BAD_BAND BAD_BAND_VALUE OUT_OF_METERS OUT_OF_BANDS",
        ),
        (
            13,
            "TABLE_FEATURES_FAILED",
            "BAD_TABLE BAD_METADATA BAD_TYPE BAD_LEN BAD_ARGUMENT EPERM BAD_CAP BAD_MAX_ENT BAD_FEATURES"
            " BAD_COMMAND TOO_MANY",
        ),
        (
            14,
            "BAD_PROPERTY",
            "BAD_TYPE BAD_LEN BAD_VALUE TOO_MANY DUP_TYPE BAD_EXPERIMENTER BAD_EXP_TYPE BAD_EXP_VALUE EPERM",
        ),
        (15, "ASYNC_CONFIG_FAILED", "INVALID UNSUPPORTED EPERM"),
        (
            16,
            "FLOW_MONITOR_FAILED",
            "UNKNOWN MONITOR_EXISTS INVALID_MONITOR UNKNOWN_MONITOR BAD_COMMAND BAD_FLAGS BAD_TABLE_ID"
            " BAD_OUT",
        ),
        (
            _BUNDLE_FAILED,
            "BUNDLE_FAILED",
            "UNKNOWN EPERM BAD_ID BUNDLE_EXIST BUNDLE_CLOSED OUT_OF_BUNDLES BAD_TYPE BAD_FLAGS MSG_BAD_LEN"
            " MSG_BAD_XID MSG_UNSUP MSG_CONFLICT MSG_TOO_MANY MSG_FAILED TIMEOUT BUNDLE_IN_PROGRESS"
            " SCHED_NOT_SUPPORTED SCHED_FUTURE SCHED_PAST",
        ),
    )
}


def error_text(kind: int, code: int, experimenter: int | None = None) -> str:
    """An error in the specification's words, as in "BAD_ACTION: BAD_OUT_PORT"."""
    if experimenter is not None:
        if experimenter == _ONF and code >= _FIRST_ONF_BUNDLE:
            return error_text(_BUNDLE_FAILED, code - _FIRST_ONF_BUNDLE)
        return f"{_EXPERIMENTERS.get(experimenter, hex(experimenter))} error {code}"
    name, codes = _ERRORS.get(kind, (f"error of type {kind}", ()))
    return f"{name}: {codes[code]}" if code < len(codes) else f"{name}: code {code}"
