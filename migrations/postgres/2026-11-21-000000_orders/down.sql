DROP TABLE events;
DROP TABLE order_slots;
DROP TABLE order_services;
DROP TABLE orders;
DROP TABLE services;
DROP TABLE counters;
DROP TABLE policy;
