"""The demonstration behind `./dev run`: two tenants on a leaf-spine fabric, made through CloudStack's API.

`tenants` makes them with the `cs` client, `reach` shows who reaches whom, `failover` cuts a cable, and
`__main__` leads through it.
"""
