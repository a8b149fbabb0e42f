/// nftables by netlink, in one atomic batch, in Skiff's own table.
