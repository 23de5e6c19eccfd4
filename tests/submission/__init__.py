"""The SMTP door: what it makes of any octets, and what real programs make of it."""
