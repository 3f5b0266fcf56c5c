"""Values of the protocol: headers, cookies, hosts, media types, ranges; parsed, and never served."""
