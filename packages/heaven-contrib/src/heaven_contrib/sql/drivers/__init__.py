"""One module for each kind of database: the driver's connections, behind one interface."""
