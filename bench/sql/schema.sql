-- What the benchmark needs in the database beside the store's tables. Made anew at each run.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

-- What a call brings along that must be new each time. Ids grow, as the store's do: random ones would cost the indexes more.
CREATE FUNCTION bench.fresh(n integer, OUT orders uuid[], OUT numbers bigint[], OUT keys text[]) LANGUAGE sql VOLATILE AS $$
    SELECT array_agg(uuidv7()), array_agg(nextval('orders_number_seq')), array_agg(CAST(gen_random_uuid() AS text))
    FROM generate_series(1, n)
$$;

-- Calls drawn beforehand, several a row: what a client sends, and what the program would have read or added up meanwhile.
CREATE TABLE bench.pages (n integer PRIMARY KEY, categories text[], lows numeric[], highs numeric[]);
CREATE TABLE bench.baskets (
    n integer PRIMARY KEY, users uuid[], totals numeric[], products uuid[], skus text[], names text[], prices numeric[]);
CREATE TABLE bench.hot_baskets (LIKE bench.baskets INCLUDING ALL);
