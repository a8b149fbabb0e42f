/// Bridges, veth pairs, addresses and names: what a container's network needs, as steps.
