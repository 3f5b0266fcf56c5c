CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    created TEXT NOT NULL,
    customer TEXT NOT NULL,
    email TEXT NOT NULL,
    status TEXT NOT NULL,
    total INTEGER NOT NULL,
    items TEXT NOT NULL,
    note TEXT NOT NULL
);

CREATE INDEX orders_by_status ON orders (status, id);
