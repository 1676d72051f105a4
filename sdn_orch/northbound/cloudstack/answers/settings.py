"""Settings and the types of events."""

from __future__ import annotations

from sdn_orch.northbound.cloudstack.settings import Setting
from sdn_orch.northbound.cloudstack.shapes import Shape, always, flag, string

SETTING: Shape[Setting] = Shape(
    key="configuration",
    resource="Configuration",
    keywords=("name", "description"),
    fields=(
        string("name", "the name", lambda _, setting: setting.name),
        string("value", "the value in force", lambda scene, setting: setting.text(scene.snapshot)),
        string("defaultvalue", "the value by default", lambda _, setting: setting.default),
        string("category", "the category", lambda _, setting: setting.category),
        string("description", "what it is for", lambda _, setting: setting.description),
        string("displaytext", "what it is called", lambda _, setting: setting.name.replace(".", " ").title()),
        string(
            "type", "Number or Boolean", lambda _, setting: "Boolean" if setting.low is None else "Number"
        ),
        string("component", "the part that it is for", always("management-server")),
        string("scope", "how far it reaches", always("Global")),
        flag("isdynamic", "whether it takes effect at once", always(True)),
    ),
)

EVENT_TYPE: Shape[str] = Shape(
    key="eventtype",
    resource="",
    fields=(string("name", "the type of the event", lambda _, name: name),),
)
