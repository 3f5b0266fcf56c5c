CREATE TABLE attachments (
    id BIGINT PRIMARY KEY AUTO_INCREMENT,
    order_id BIGINT NOT NULL,
    name VARCHAR(200) NOT NULL,
    content_type VARCHAR(255) NOT NULL,
    size BIGINT NOT NULL,
    file CHAR(32) NOT NULL,
    FOREIGN KEY (order_id) REFERENCES orders (id)
) CHARACTER SET utf8mb4;
