CREATE INDEX CONCURRENTLY orders_gift ON orders (created_at) WHERE gift;
