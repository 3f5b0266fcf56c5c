CREATE TABLE orders (
    id BIGINT PRIMARY KEY AUTO_INCREMENT,
    created DATETIME NOT NULL,
    customer VARCHAR(80) NOT NULL,
    email VARCHAR(255) NOT NULL,
    status VARCHAR(10) NOT NULL,
    total BIGINT NOT NULL,
    items JSON NOT NULL,
    note VARCHAR(500) NOT NULL,
    INDEX orders_by_status (status, id)
) CHARACTER SET utf8mb4;
