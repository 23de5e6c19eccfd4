"""The door for people: pages made on the server, which work without JavaScript."""
