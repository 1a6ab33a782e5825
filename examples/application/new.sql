-- What the new application has made for itself: five tables, other keys, real types.
CREATE TABLE customers (
    id     BIGINT PRIMARY KEY,
    number VARCHAR(10) NOT NULL UNIQUE,
    name   VARCHAR(80) NOT NULL,
    phone  VARCHAR(20),
    email  VARCHAR(80),
    born   DATE
);
CREATE TABLE addresses (
    customer_id BIGINT PRIMARY KEY REFERENCES customers (id),
    street VARCHAR(80) NOT NULL,
    zip    VARCHAR(10) NOT NULL,
    city   VARCHAR(40) NOT NULL
);
CREATE TABLE products (
    id    BIGINT PRIMARY KEY,
    sku   VARCHAR(20) NOT NULL UNIQUE,
    title VARCHAR(80) NOT NULL,
    price DECIMAL(10, 2) NOT NULL
);
CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL REFERENCES customers (id),
    placed_on   DATE NOT NULL,
    note        VARCHAR(200)
);
CREATE TABLE order_lines (
    order_id   INTEGER NOT NULL REFERENCES orders (id),
    position   INTEGER NOT NULL,
    product_id BIGINT NOT NULL REFERENCES products (id),
    quantity   INTEGER NOT NULL,
    PRIMARY KEY (order_id, position)
);
