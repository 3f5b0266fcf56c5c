-- 10,000 rows, each with a number from 1 to 10,000 of its own, in no order.
CREATE TABLE world (
    id INTEGER NOT NULL PRIMARY KEY,
    randomNumber INTEGER NOT NULL
);

INSERT INTO world (id, randomNumber)
WITH digits AS (
    SELECT 0 AS digit UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
    UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
), numbers AS (
    SELECT a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit AS number
    FROM digits a CROSS JOIN digits b CROSS JOIN digits c CROSS JOIN digits d
)
SELECT number + 1, (number * number * 30 + number * 7919) % 10000 + 1 FROM numbers;
