DROP TABLE refusals;
DROP TABLE ended_sessions;
