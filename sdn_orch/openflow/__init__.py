"""OpenFlow 1.3 and 1.5 as values and bytes, free of any session, thread or framework.

`values` is what the rest of sdn-orch speaks, `codec` turns flows into table entries and back,
`messages`, `groups`, `meters` and `bundle` write what a controller sends, `multipart`, `events` and
`ports` read what a switch answers, `text` prints it all for people and ovs-ofctl.
"""
