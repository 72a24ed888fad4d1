DROP TABLE event_feed;
