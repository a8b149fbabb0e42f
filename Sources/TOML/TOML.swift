/// Documents of TOML (toml.io), as a keeper of a machine writes them: bounded, and refused with the line.
