ALTER TABLE order_services RENAME TO former_order_services;
CREATE TABLE order_services (
    service_id  BIGINT NOT NULL REFERENCES services (id) ON DELETE RESTRICT,
    datetime_ms BIGINT NOT NULL,
    order_id    TEXT   NOT NULL,
    PRIMARY KEY (service_id, datetime_ms, order_id)
) WITHOUT ROWID;
INSERT INTO order_services (service_id, datetime_ms, order_id)
SELECT service_id, datetime_ms, order_id FROM former_order_services;
DROP TABLE former_order_services;
DROP INDEX orders_by_created_at;
