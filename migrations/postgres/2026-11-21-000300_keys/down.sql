DROP TABLE api_key_state;
DROP TABLE api_key_secrets;
DROP TABLE api_keys;
