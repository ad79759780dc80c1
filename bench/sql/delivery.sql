-- A million pieces more of everything, through the ledger as any delivery, so that no order of a run is refused.
WITH delivered AS (
    UPDATE stock SET quantity = quantity + 1000000, updated_at = statement_timestamp()
    RETURNING product_id)
INSERT INTO stock_entry (product_id, delta, reason, at)
SELECT product_id, 1000000, 'delivery', statement_timestamp() FROM delivered;
VACUUM (ANALYZE) stock, stock_entry, product;
