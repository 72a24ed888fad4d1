ALTER TABLE order_services DROP COLUMN created_at_ms;
DROP INDEX orders_by_created_at;
